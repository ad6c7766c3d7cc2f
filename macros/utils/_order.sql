{#- The order in which rows at one instant win. Without one of the caller's own it is that of the
    columns, the greatest first and NULL last, so that it is the same on every run; rows that agree
    in all of them are alike. -#}
{%- macro _order(columns, order_by, otherwise=none) -%}
    {%- if order_by -%}
        {{ return(order_by if order_by is string else order_by | join(', ')) }}
    {%- endif -%}
    {%- set terms = [] -%}
    {%- for column in columns -%}
        {%- do terms.append(column ~ ' desc nulls last') -%}
    {%- endfor -%}
    {{ return((terms or [otherwise]) | join(', ')) }}
{%- endmacro -%}

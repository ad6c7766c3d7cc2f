{#- Return the order in which rows at one instant win: the caller's, else the columns', greatest first
    and NULL last. It names every column of the result, so the same row wins on every run: rows that
    still tie are equal. -#}
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

{#- The PARTITION BY of a window; features of no entity at all have none. -#}
{%- macro _partition_by(names) -%}
    {%- set columns = featurestore._quoted_list(names) -%}
    {{ return('partition by ' ~ (columns | join(', ')) if columns else '') }}
{%- endmacro -%}

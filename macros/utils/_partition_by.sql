{#- Return the PARTITION BY of a window; empty for features without an entity. -#}
{%- macro _partition_by(names) -%}
    {%- set columns = featurestore._quoted_list(names) -%}
    {{ return('partition by ' ~ (columns | join(', ')) if columns else '') }}
{%- endmacro -%}

{#- The names of a relation's columns, as the warehouse knows them. While dbt only reads the project,
    there is no warehouse to ask. -#}
{%- macro _columns_of(relation, what) -%}
    {%- if relation is not string and not execute -%}
        {{ return(['*']) }}
    {%- endif -%}
    {%- set names = [] -%}
    {%- if relation is not string -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do names.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if not names -%}
        {{ exceptions.raise_compiler_error(
            what ~ ": the columns of " ~ relation ~ " are not known to the warehouse. Name them: "
            ~ "columns=['amount', ...]."
        ) }}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro -%}

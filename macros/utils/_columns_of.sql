{#- Return the names of a relation's columns, as SQL that finds what the warehouse stores. While dbt
    parses the project it has no connection, so the result is a placeholder. -#}
{%- macro _columns_of(relation, what) -%}
    {%- if relation is not string and not execute -%}
        {{ return(['*']) }}
    {%- endif -%}
    {%- set names = [] -%}
    {%- if relation is not string -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do names.append(featurestore._stored(column.name)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if not names -%}
        {{ exceptions.raise_compiler_error(
            what ~ ": the warehouse does not know the columns of " ~ relation ~ ". Name them: "
            ~ "columns=['amount', ...]."
        ) }}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro -%}

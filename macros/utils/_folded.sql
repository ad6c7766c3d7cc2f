{#- Return a bare name as the warehouse stores it. -#}
{%- macro _folded(name) -%}
    {{ return(adapter.dispatch('_folded', 'featurestore')(name)) }}
{%- endmacro -%}

{%- macro default___folded(name) -%}
    {{ return(name) }}
{%- endmacro -%}

{#- https://www.postgresql.org/docs/current/sql-syntax-lexical.html -#}
{%- macro postgres___folded(name) -%}
    {{ return(name | lower) }}
{%- endmacro -%}

{#- https://docs.snowflake.com/en/sql-reference/identifiers-syntax -#}
{%- macro snowflake___folded(name) -%}
    {{ return(name | upper) }}
{%- endmacro -%}

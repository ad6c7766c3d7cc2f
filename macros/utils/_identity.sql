{#- Return what all spellings of a column's name have in common, to compare names by. -#}
{%- macro _identity(name) -%}
    {{ return(adapter.dispatch('_identity', 'featurestore')(name)) }}
{%- endmacro -%}

{#- Most warehouses ignore the case of a name, also in quotes. -#}
{%- macro default___identity(name) -%}
    {{ return(featurestore._exact_identity(name) | lower) }}
{%- endmacro -%}

{%- macro postgres___identity(name) -%}
    {{ return(featurestore._exact_identity(name)) }}
{%- endmacro -%}

{%- macro redshift___identity(name) -%}
    {{ return(featurestore._exact_identity(name) | lower) }}
{%- endmacro -%}

{%- macro snowflake___identity(name) -%}
    {{ return(featurestore._exact_identity(name)) }}
{%- endmacro -%}

{%- macro clickhouse___identity(name) -%}
    {{ return(featurestore._exact_identity(name)) }}
{%- endmacro -%}

{%- macro _exact_identity(name) -%}
    {{ return(name[1:-1] if name[0] in '"`[' else featurestore._folded(name)) }}
{%- endmacro -%}

{#- An expression as a floating-point number of 64 bits. dbt's own type_float() has 32 on DuckDB. -#}
{%- macro _double(expression) -%}
    {{ return(adapter.dispatch('_double', 'featurestore')(expression)) }}
{%- endmacro -%}

{%- macro default___double(expression) -%}
    cast({{ expression }} as double precision)
{%- endmacro -%}

{%- macro bigquery___double(expression) -%}
    cast({{ expression }} as float64)
{%- endmacro -%}

{%- macro spark___double(expression) -%}
    cast({{ expression }} as double)
{%- endmacro -%}

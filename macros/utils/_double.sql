{#- Cast an expression to a 64-bit floating-point number. dbt's own type_float() has 32 bits on DuckDB. -#}
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

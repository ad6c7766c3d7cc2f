{#- Write an instant as microseconds since 1970 in UTC with all its digits, to compare it with another
    one of any timestamp type. An infinity is later, or earlier, than every other instant. -#}
{%- macro _exact_microseconds(expression) -%}
    {{ return(adapter.dispatch('_exact_microseconds', 'featurestore')(expression)) }}
{%- endmacro -%}

{%- macro default___exact_microseconds(expression) -%}
    {{ featurestore._epoch_microseconds(expression) }}
{%- endmacro -%}

{#- EXTRACT of an infinity is an infinity: https://www.postgresql.org/docs/current/functions-datetime.html -#}
{%- macro postgres___exact_microseconds(expression) -%}
    extract(epoch from {{ expression }}) * 1000000
{%- endmacro -%}

{%- macro redshift___exact_microseconds(expression) -%}
    {{ featurestore._epoch_microseconds(expression) }}
{%- endmacro -%}

{#- 10^19 microseconds are beyond the range of a timestamp. -#}
{%- macro duckdb___exact_microseconds(expression) -%}
    case {{ expression }}
        when 'infinity' then 10000000000000000000
        when '-infinity' then -10000000000000000000
        else {{ featurestore._epoch_microseconds(expression) }} + nanosecond({{ expression }}) % 1000 * 0.001
    end
{%- endmacro -%}

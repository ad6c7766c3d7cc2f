{#- Microseconds since 1970 in UTC as a whole number, so that timestamps with and without a time zone
    can be compared: one without is in UTC, whatever the session's zone. -#}
{%- macro _epoch_microseconds(expression) -%}
    {{ return(adapter.dispatch('_epoch_microseconds', 'featurestore')(expression)) }}
{%- endmacro -%}

{%- macro default___epoch_microseconds(expression) -%}
    cast(extract(epoch from {{ expression }}) * 1000000 as bigint)
{%- endmacro -%}

{#- EXTRACT gives a floating-point number there, which has no room for the microseconds:
    https://duckdb.org/docs/stable/sql/functions/timestamp -#}
{%- macro duckdb___epoch_microseconds(expression) -%}
    epoch_us({{ expression }})
{%- endmacro -%}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions -#}
{%- macro bigquery___epoch_microseconds(expression) -%}
    unix_micros(timestamp({{ expression }}))
{%- endmacro -%}

{#- https://docs.snowflake.com/en/sql-reference/functions-date-time -#}
{%- macro snowflake___epoch_microseconds(expression) -%}
    date_part(epoch_microsecond, {{ expression }})
{%- endmacro -%}

{#- A TIMESTAMP is an instant. Anything else is read as TIMESTAMP_NTZ, whose text gets the zone that
    it lacks: a cast to TIMESTAMP would take the session's.
    https://spark.apache.org/docs/latest/sql-ref-datatypes.html -#}
{%- macro spark___epoch_microseconds(expression) -%}
    unix_micros(case typeof({{ expression }})
        when 'timestamp' then {{ expression }}
        else cast(concat(cast(cast({{ expression }} as timestamp_ntz) as string), ' UTC') as timestamp)
    end)
{%- endmacro -%}

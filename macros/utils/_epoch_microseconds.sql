{#- Write an instant as whole microseconds since 1970 in UTC, rounded down, to subtract another one from
    it. A timestamp without a zone is in UTC; the session's zone never matters. An infinity is NULL. -#}
{%- macro _epoch_microseconds(expression) -%}
    {{ return(adapter.dispatch('_epoch_microseconds', 'featurestore')(expression)) }}
{%- endmacro -%}

{%- macro default___epoch_microseconds(expression) -%}
    cast(extract(epoch from {{ expression }}) * 1000000 as bigint)
{%- endmacro -%}

{#- https://www.postgresql.org/docs/current/functions-datetime.html -#}
{%- macro postgres___epoch_microseconds(expression) -%}
    case when isfinite({{ expression }}) then {{ featurestore.default___epoch_microseconds(expression) }} end
{%- endmacro -%}

{%- macro redshift___epoch_microseconds(expression) -%}
    {{ featurestore.default___epoch_microseconds(expression) }}
{%- endmacro -%}

{#- EXTRACT returns a floating-point number on DuckDB, which loses microseconds. EPOCH_US rounds
    nanoseconds to the nearest microsecond, and NANOSECOND counts those within the minute: if one
    result is odd and the other even, EPOCH_US has rounded up.
    https://duckdb.org/docs/stable/sql/functions/timestamp -#}
{%- macro duckdb___epoch_microseconds(expression) -%}
    (epoch_us({{ expression }}) - abs(epoch_us({{ expression }}) - nanosecond({{ expression }}) // 1000) % 2)
{%- endmacro -%}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions -#}
{%- macro bigquery___epoch_microseconds(expression) -%}
    unix_micros(timestamp({{ expression }}))
{%- endmacro -%}

{#- https://docs.snowflake.com/en/sql-reference/functions-date-time -#}
{%- macro snowflake___epoch_microseconds(expression) -%}
    date_part(epoch_microsecond, {{ expression }})
{%- endmacro -%}

{#- A TIMESTAMP of Spark is an instant. Anything else becomes a TIMESTAMP_NTZ whose text gets ' UTC'
    appended, because a plain cast to TIMESTAMP would use the session's zone.
    https://spark.apache.org/docs/latest/sql-ref-datatypes.html -#}
{%- macro spark___epoch_microseconds(expression) -%}
    unix_micros(case typeof({{ expression }})
        when 'timestamp' then {{ expression }}
        else cast(concat(cast(cast({{ expression }} as timestamp_ntz) as string), ' UTC') as timestamp)
    end)
{%- endmacro -%}

{#- Seconds since 1970 in UTC, so that timestamps with and without a time zone can be compared:
    one without is in UTC, whatever the session's zone. -#}
{%- macro _epoch(expression) -%}
    {{ return(adapter.dispatch('_epoch', 'featurestore')(expression)) }}
{%- endmacro -%}

{%- macro default___epoch(expression) -%}
    extract(epoch from {{ expression }})
{%- endmacro -%}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions -#}
{%- macro bigquery___epoch(expression) -%}
    unix_seconds(timestamp({{ expression }}))
{%- endmacro -%}

{#- https://docs.snowflake.com/en/sql-reference/functions/date_part -#}
{%- macro snowflake___epoch(expression) -%}
    date_part(epoch_second, {{ expression }})
{%- endmacro -%}

{#- https://spark.apache.org/docs/latest/api/sql/index.html -#}
{%- macro spark___epoch(expression) -%}
    unix_timestamp({{ expression }})
{%- endmacro -%}

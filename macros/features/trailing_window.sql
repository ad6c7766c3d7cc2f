{%- macro trailing_window(aggregate, partition_by, order_by, window) -%}
    {{ return(adapter.dispatch('trailing_window', 'featurestore')(
        aggregate, partition_by, order_by, window
    )) }}
{%- endmacro -%}

{#- The frame ends at the current instant and starts one microsecond, the finest step of a timestamp,
    after the instant that lies the window's length before it. Rows at one instant are all in it. -#}
{%- macro default__trailing_window(aggregate, partition_by, order_by, window) -%}
    {{ aggregate }} over (
        partition by {{ featurestore._quoted_list(partition_by) | join(', ') }}
        order by {{ featurestore._quoted(order_by) }}
        range between interval '{{ featurestore._microseconds(window) - 1 }} microseconds' preceding
            and current row
    )
{%- endmacro -%}

{#- Frames are numeric there:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls -#}
{%- macro bigquery__trailing_window(aggregate, partition_by, order_by, window) -%}
    {{ aggregate }} over (
        partition by {{ featurestore._quoted_list(partition_by) | join(', ') }}
        order by unix_micros(timestamp({{ featurestore._quoted(order_by) }}))
        range between {{ featurestore._microseconds(window) - 1 }} preceding and current row
    )
{%- endmacro -%}

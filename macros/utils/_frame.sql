{#- What stands between the brackets of a window: the rows of one entity in the last days or hours.

    With the row's own instant, the frame starts one microsecond, the finest step of a timestamp,
    after the instant that lies the window's length before it; without, it ends one microsecond
    before it. Either way it has the whole length, and rows at one instant are all in it or all out. -#}
{%- macro _frame(partition_by, order_by, window, exclusive=false) -%}
    {{ return(adapter.dispatch('_frame', 'featurestore')(partition_by, order_by, window, exclusive)) }}
{%- endmacro -%}

{%- macro default___frame(partition_by, order_by, window, exclusive) -%}
    {%- set length = featurestore._microseconds(window) -%}
    {{ featurestore._partition_by(partition_by) }}
order by {{ featurestore._quoted(order_by) }}
range between interval '{{ length if exclusive else length - 1 }} microseconds' preceding
    and {{ "interval '1 microseconds' preceding" if exclusive else "current row" }}
{%- endmacro -%}

{#- Frames are numeric there:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls -#}
{%- macro bigquery___frame(partition_by, order_by, window, exclusive) -%}
    {%- set length = featurestore._microseconds(window) -%}
    {{ featurestore._partition_by(partition_by) }}
order by {{ featurestore._epoch_microseconds(featurestore._quoted(order_by)) }}
range between {{ length if exclusive else length - 1 }} preceding
    and {{ "1 preceding" if exclusive else "current row" }}
{%- endmacro -%}

{#- Write the inside of OVER (...): the rows of one entity in the last days or hours.

    A timestamp's finest step is one microsecond. An inclusive frame starts one microsecond later than
    the window's length before the row; an exclusive frame ends one microsecond before the row. Both
    span the whole length, and rows at one instant are either all inside or all outside. -#}
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

{#- BigQuery takes only numbers as the bounds of a frame:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls -#}
{%- macro bigquery___frame(partition_by, order_by, window, exclusive) -%}
    {%- set length = featurestore._microseconds(window) -%}
    {{ featurestore._partition_by(partition_by) }}
order by {{ featurestore._epoch_microseconds(featurestore._quoted(order_by)) }}
range between {{ length if exclusive else length - 1 }} preceding
    and {{ "1 preceding" if exclusive else "current row" }}
{%- endmacro -%}

{%- macro trailing_window(aggregate, partition_by, order_by, window, exclusive=false) -%}
    {{ return(adapter.dispatch('trailing_window', 'featurestore')(
        aggregate, partition_by, order_by, window, exclusive
    )) }}
{%- endmacro -%}

{%- macro default__trailing_window(aggregate, partition_by, order_by, window, exclusive) -%}
    {{ aggregate }} over (
        {{ featurestore._frame(partition_by, order_by, window, exclusive) | indent(8) }}
    )
{%- endmacro -%}

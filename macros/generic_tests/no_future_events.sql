{% test no_future_events(model, event_timestamp, latest=none) %}
    {{ return(adapter.dispatch('test_no_future_events', 'featurestore')(
        model, event_timestamp, latest
    )) }}
{% endtest %}

{% macro default__test_no_future_events(model, event_timestamp, latest) %}

{%- set column = featurestore._quoted(event_timestamp) -%}
{%- set bound = dbt.current_timestamp() if latest is none else latest %}

select {{ column }}

from {{ model }}

where {{ featurestore._exact_microseconds(column) }} > {{ featurestore._exact_microseconds(bound) }}

{% endmacro %}

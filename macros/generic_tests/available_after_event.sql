{% test available_after_event(model, event_timestamp, created_timestamp) %}
    {{ return(adapter.dispatch('test_available_after_event', 'featurestore')(model, event_timestamp, created_timestamp)) }}
{% endtest %}

{% macro default__test_available_after_event(model, event_timestamp, created_timestamp) %}

{%- set event = featurestore._quoted(event_timestamp) -%}
{%- set created = featurestore._quoted(created_timestamp) %}

select
    {{ event }},
    {{ created }}

from {{ model }}

where {{ featurestore._exact_microseconds(created) }} < {{ featurestore._exact_microseconds(event) }}

{% endmacro %}

{% test fresh_within(model, event_timestamp, within, at=none) %}
    {{ return(adapter.dispatch('test_fresh_within', 'featurestore')(model, event_timestamp, within, at)) }}
{% endtest %}

{% macro default__test_fresh_within(model, event_timestamp, within, at) %}

{%- set newest = featurestore._epoch_microseconds(
    'max(' ~ featurestore._quoted(event_timestamp) ~ ')'
) -%}
{%- set instant = featurestore._epoch_microseconds(dbt.current_timestamp() if at is none else at) -%}
{%- set oldest = instant ~ ' - ' ~ featurestore._microseconds(within) %}

select max({{ featurestore._quoted(event_timestamp) }}) as newest

from {{ model }}

having max({{ featurestore._quoted(event_timestamp) }}) is null
    or {{ newest }} < {{ oldest }}

{% endmacro %}

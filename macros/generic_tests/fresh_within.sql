{% test fresh_within(model, event_timestamp, within, at=none) %}
    {{ return(adapter.dispatch('test_fresh_within', 'featurestore')(model, event_timestamp, within, at)) }}
{% endtest %}

{% macro default__test_fresh_within(model, event_timestamp, within, at) %}

{%- set instant = featurestore._exact_microseconds(dbt.current_timestamp() if at is none else at) -%}
{%- set oldest = instant ~ ' - ' ~ featurestore._microseconds(within) %}

select newest

from (
    select max({{ featurestore._quoted(event_timestamp) }}) as newest

    from {{ model }}
) as _newest

where newest is null
    or {{ featurestore._exact_microseconds('newest') }} < {{ oldest }}

{% endmacro %}

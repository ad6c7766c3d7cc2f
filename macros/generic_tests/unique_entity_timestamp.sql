{% test unique_entity_timestamp(model, join_keys, event_timestamp) %}
    {{ return(adapter.dispatch('test_unique_entity_timestamp', 'featurestore')(
        model, join_keys, event_timestamp
    )) }}
{% endtest %}

{% macro default__test_unique_entity_timestamp(model, join_keys, event_timestamp) %}

{%- set columns = featurestore._quoted_list(join_keys) + [featurestore._quoted(event_timestamp)] %}

select
    {{ columns | join(',\n    ') }},
    count(*) as row_count

from {{ model }}

where {{ columns | join(' is not null\n    and ') }} is not null

group by {{ columns | join(', ') }}

having count(*) > 1

{% endmacro %}

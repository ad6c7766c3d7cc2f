{% test no_overlapping_validity(model, join_keys, valid_from, valid_until, no_end=none) %}
    {{ return(adapter.dispatch('test_no_overlapping_validity', 'featurestore')(
        model, join_keys, valid_from, valid_until, no_end
    )) }}
{% endtest %}

{% macro default__test_no_overlapping_validity(model, join_keys, valid_from, valid_until, no_end) %}

{%- set keys = featurestore._quoted_list(join_keys) -%}
{%- set start = featurestore._quoted(valid_from) -%}
{%- set end = featurestore._end(valid_until, no_end) -%}
{%- set columns = keys + [start, '_end', '_next'] %}

select
    {{ columns | join(',\n    ') }}

from (
    select
        {{ (keys + [start]) | join(',\n        ') }},
        {{ end }} as _end,
        lead({{ start }}) over (
            {{ featurestore._partition_by(join_keys) }}
            order by {{ start }}
        ) as _next

    from {{ model }}

    where {{ (keys + [start]) | join(' is not null\n        and ') }} is not null
        and ({{ end }} is null or {{ end }} > {{ start }})
) as _ordered

where _next is not null
    and (_end is null or _end > _next)

{% endmacro %}

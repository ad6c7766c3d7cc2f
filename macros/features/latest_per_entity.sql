{%- macro latest_per_entity(
    relation, join_keys, event_timestamp, created_timestamp=none, columns=none, order_by=none,
    valid_until=none, no_end=none, is_deleted=none, valid_at=none
) -%}
    {{ return(adapter.dispatch('latest_per_entity', 'featurestore')(
        relation, join_keys, event_timestamp, created_timestamp, columns, order_by,
        valid_until, no_end, is_deleted, valid_at
    )) }}
{%- endmacro -%}

{%- macro default__latest_per_entity(
    relation, join_keys, event_timestamp, created_timestamp, columns, order_by,
    valid_until, no_end, is_deleted, valid_at
) -%}
{%- set keys = featurestore._quoted_list(join_keys) -%}
{%- set event = featurestore._quoted(event_timestamp) -%}
{%- set created = [featurestore._quoted(created_timestamp)] if created_timestamp else [] -%}
{%- set times = [event] + created -%}
{%- if columns is none -%}
    {%- set columns = featurestore._columns_of(relation, 'latest_per_entity') -%}
{%- endif -%}
{%- set others = featurestore._without(featurestore._quoted_list(columns), keys + times) -%}
{%- set names = keys + times + others -%}
{%- set order = [featurestore._order(times, none)]
    + featurestore._order_of_ends(valid_until, no_end, is_deleted) -%}
{%- if others or order_by -%}
    {%- do order.append(featurestore._order(others, order_by)) -%}
{%- endif -%}
{%- set conditions = featurestore._valid_conditions(valid_until, no_end, is_deleted, valid_at) -%}
select
    {{ names | join(',\n    ') }}

from (
    select
        {{ names | join(',\n        ') }},
        {%- if conditions %}
        case when {{ conditions | join('\n            and ') }} then 1 else 0 end as _valid,
        {%- endif %}
        row_number() over (
            {{ featurestore._partition_by(join_keys) }}
            order by {{ order | join(', ') }}
        ) as _row

    from {{ relation }}

    where {{ (keys + [event]) | join(' is not null\n        and ') }} is not null
) as _ranked

where _row = 1
{%- if conditions %}
    and _valid = 1
{%- endif %}
{%- endmacro -%}

{%- macro latest_per_entity(
    relation, join_keys, event_timestamp, created_timestamp=none, columns=none, order_by=none
) -%}
    {{ return(adapter.dispatch('latest_per_entity', 'featurestore')(
        relation, join_keys, event_timestamp, created_timestamp, columns, order_by
    )) }}
{%- endmacro -%}

{%- macro default__latest_per_entity(
    relation, join_keys, event_timestamp, created_timestamp, columns, order_by
) -%}
{%- set keys = featurestore._quoted_list(join_keys) -%}
{%- set event = featurestore._quoted(event_timestamp) -%}
{%- set created = [featurestore._quoted(created_timestamp)] if created_timestamp else [] -%}
{%- set times = [event] + created -%}
{%- if columns is none -%}
    {%- set columns = featurestore._columns_of(relation, 'latest_per_entity') -%}
{%- endif -%}
{%- set others = [] -%}
{%- for column in featurestore._quoted_list(columns) if column not in keys + times -%}
    {%- do others.append(column) -%}
{%- endfor -%}
{%- set names = keys + times + others -%}
select
    {{ names | join(',\n    ') }}

from (
    select
        {{ names | join(',\n        ') }},
        row_number() over (
            {{ featurestore._partition_by(join_keys) }}
            order by {{ featurestore._order(times, none) }}
            {{- ', ' ~ featurestore._order(others, order_by) if others or order_by }}
        ) as _row

    from {{ relation }}

    where {{ (keys + [event]) | join(' is not null\n        and ') }} is not null
) as _ranked

where _row = 1
{%- endmacro -%}

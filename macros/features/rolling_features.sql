{%- macro rolling_features(
    relation, join_keys, event_timestamp, windows, aggregates,
    columns=[], order_by=none, exclusive=false
) -%}
    {{ return(adapter.dispatch('rolling_features', 'featurestore')(
        relation, join_keys, event_timestamp, windows, aggregates, columns, order_by, exclusive
    )) }}
{%- endmacro -%}

{%- macro default__rolling_features(
    relation, join_keys, event_timestamp, windows, aggregates, columns, order_by, exclusive
) -%}
{%- set features = featurestore._rolling_columns(windows, aggregates) -%}
{%- set lengths = features | map(attribute='window') | unique | list -%}
{{ featurestore._rolling_query(
    relation, join_keys, event_timestamp, features, columns, order_by, named=true
) }}
    window
    {%- for length in lengths %}
        {{ featurestore._window_name(length) }} as (
            {{ featurestore._frame(join_keys, event_timestamp, length, exclusive) | indent(12) }}
        ){{ ',' if not loop.last }}
    {%- endfor %}
) as _windowed

where _row = 1
{%- endmacro -%}

{#- Snowflake has no WINDOW clause, so each aggregate carries its own frame:
    https://docs.snowflake.com/en/sql-reference/constructs -#}
{%- macro snowflake__rolling_features(
    relation, join_keys, event_timestamp, windows, aggregates, columns, order_by, exclusive
) -%}
{{ featurestore._rolling_query(
    relation, join_keys, event_timestamp, featurestore._rolling_columns(windows, aggregates),
    columns, order_by, named=false, exclusive=exclusive
) }}
) as _windowed

where _row = 1
{%- endmacro -%}

{#- Everything up to the inner WHERE, which both shapes share. -#}
{%- macro _rolling_query(
    relation, join_keys, event_timestamp, features, columns, order_by, named, exclusive=false
) -%}
{%- set keys = featurestore._quoted_list(join_keys) + [featurestore._quoted(event_timestamp)] -%}
{%- set others = featurestore._quoted_list(columns) -%}
{%- set names = keys + others + (features | map(attribute='name') | list) -%}
{%- do featurestore._refuse_duplicates('rolling_features', names) -%}
select
    {{ names | join(',\n    ') }}

from (
    select
        {{ (keys + others) | join(',\n        ') }},
        {%- for feature in features %}
        {{ feature.expression }} over
            {%- if named %} {{ featurestore._window_name(feature.window) }}
            {%- else %} (
            {{ featurestore._frame(join_keys, event_timestamp, feature.window, exclusive) | indent(12) }}
        ) {%- endif %} as {{ feature.name }},
        {%- endfor %}
        row_number() over (
            partition by {{ keys | join(', ') }}
            order by {{ featurestore._order(others, order_by, otherwise=keys[-1]) }}
        ) as _row

    from {{ relation }}

    where {{ keys | join(' is not null\n        and ') }} is not null
{%- endmacro -%}

{%- macro as_of_join(
    spine, features, join_keys, event_timestamp, columns,
    spine_timestamp='event_timestamp', created_timestamp=none, available_after=none, ttl=none,
    order_by=none
) -%}
    {%- set join = featurestore._as_of(
        join_keys, event_timestamp, columns, spine_timestamp, created_timestamp, available_after,
        ttl, order_by
    ) -%}
    {{ return(adapter.dispatch('as_of_join', 'featurestore')(spine, features, join)) }}
{%- endmacro -%}

{#- The window form: every row known by then, ranked. -#}
{%- macro default__as_of_join(spine, features, join) -%}
{{ featurestore._as_of_asked(spine, join) }},

-- Every row that was known by then, the one to use first.
_ranked as (

    {{ featurestore._as_of_ranked('_asked', join) }}
    inner join {{ features }} as _history
        on {{ (join.on + [join.known] + join.young) | join('\n        and ') }}

)

{{ featurestore._as_of_result(spine, join) }}
{%- endmacro -%}

{#- An ASOF join takes any of several rows at one instant. So it looks for the instant alone, and the
    rows there are ranked. https://duckdb.org/docs/stable/guides/sql_features/asof_join -#}
{%- macro duckdb__as_of_join(spine, features, join) -%}
{{ featurestore._as_of_asked(spine, join) }},

-- The newest instant known by then.
_newest as (

    select
        {{ featurestore._as_of_keys('_asked', join) | join(',\n        ') }},
        _history.{{ join.event }} as _event

    from _asked
    asof join {{ features }} as _history
        on {{ (join.on + [join.known]) | join('\n        and ') }}
    {%- if join.young %}

    where {{ join.young[0] }}
    {%- endif %}

),

{{ featurestore._as_of_at_that_instant(features, join) }}

{{ featurestore._as_of_result(spine, join) }}
{%- endmacro -%}

{#- MATCH_CONDITION compares columns: https://docs.snowflake.com/en/sql-reference/constructs/asof-join -#}
{%- macro snowflake__as_of_join(spine, features, join) -%}
{{ featurestore._as_of_asked(spine, join) }},

_bounded as (

    select _asked.*, {{ join.until }} as _until
    from _asked

),

_instants as (

    select distinct
        {%- for key, _ in join.pairs %}
        {{ key }},
        {%- endfor %}
        {{ join.event }} as _event,
        {{ featurestore._epoch_microseconds(join.event) }} as _since
    from {{ features }}
    where {{ join.event }} is not null

),

-- The newest instant known by then.
_newest as (

    select
        {{ featurestore._as_of_keys('_asked', join) | join(',\n        ') }},
        _history._event

    from _bounded as _asked
    asof join _instants as _history
        match_condition (_asked._until >= _history._since)
        {%- if join.on %}
        on {{ join.on | join('\n        and ') }}
        {%- endif %}

    where _history._event is not null
    {%- if join.ttl is not none %}
        and {{ join.instant }} - _history._since <= {{ join.ttl }}
    {%- endif %}

),

{{ featurestore._as_of_at_that_instant(features, join) }}

{{ featurestore._as_of_result(spine, join) }}
{%- endmacro -%}

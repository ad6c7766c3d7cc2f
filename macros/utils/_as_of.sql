{#- The parts that every shape of a point-in-time join is made of. -#}
{%- macro _as_of(
    join_keys, event_timestamp, columns, spine_timestamp, created_timestamp, available_after, ttl,
    order_by
) -%}
    {%- set names = [join_keys] if join_keys is string else join_keys -%}
    {%- set pairs = [] -%}
    {%- for key in names -%}
        {%- set of_spine = names[key] if names is mapping else key -%}
        {%- do pairs.append((featurestore._quoted(key), featurestore._quoted(of_spine))) -%}
    {%- endfor -%}
    {%- set wanted = [columns] if columns is string else columns -%}
    {%- set outputs = [] -%}
    {%- for column in wanted -%}
        {%- set name = wanted[column] if wanted is mapping else column -%}
        {%- do outputs.append((featurestore._quoted(column), featurestore._quoted(name))) -%}
    {%- endfor -%}
    {%- if not outputs -%}
        {{ exceptions.raise_compiler_error(
            "as_of_join: columns names none. Name the features to add: columns=['amount_7d', ...]."
        ) }}
    {%- endif -%}
    {%- do featurestore._refuse_duplicates('as_of_join', outputs | map('last') | list) -%}
    {%- set on = [] -%}
    {%- for key, _ in pairs -%}
        {%- do on.append('_asked._key' ~ loop.index ~ ' = _history.' ~ key) -%}
    {%- endfor -%}
    {%- set ranks = [] -%}
    {%- for column in ([created_timestamp] if created_timestamp else []) + (wanted | list) -%}
        {%- do ranks.append('_history.' ~ featurestore._quoted(column)) -%}
    {%- endfor -%}
    {%- set event = featurestore._quoted(event_timestamp) -%}
    {%- set instant = featurestore._epoch_microseconds('_asked._at') -%}
    {%- set since = featurestore._epoch_microseconds('_history.' ~ event) -%}
    {%- set until = instant ~ (' - ' ~ featurestore._microseconds(available_after) if available_after else '') -%}
    {%- set oldest = featurestore._microseconds(ttl) if ttl else none -%}
    {{ return({
        'pairs': pairs,
        'outputs': outputs,
        'on': on,
        'event': event,
        'at': featurestore._quoted(spine_timestamp),
        'instant': instant,
        'until': until,
        'known': until ~ ' >= ' ~ since,
        'ttl': oldest,
        'young': [] if oldest is none else [instant ~ ' - ' ~ since ~ ' <= ' ~ oldest],
        'order': ['_history.' ~ event ~ ' desc'] + (
            ([ranks[0] ~ ' desc nulls last'] if created_timestamp else [])
            + [featurestore._order([], order_by)] if order_by
            else [featurestore._order(ranks, none)]
        ),
    }) }}
{%- endmacro -%}

{#- The keys and instants of the spine, each once: duplicates cost nothing from here on. -#}
{%- macro _as_of_asked(spine, join) -%}
with

-- The keys and instants asked for, each once.
_asked as (

    select distinct
        {%- for key, of_spine in join.pairs %}
        {{ of_spine }} as _key{{ loop.index }},
        {%- endfor %}
        {{ join.at }} as _at

    from {{ spine }}

    where {{ ((join.pairs | map('last') | list) + [join.at]) | join(' is not null\n        and ') }} is not null

)
{%- endmacro -%}

{%- macro _as_of_keys(table, join) -%}
    {%- set names = [] -%}
    {%- for _ in join.pairs -%}
        {%- do names.append(table ~ '._key' ~ loop.index) -%}
    {%- endfor -%}
    {{ return(names + [table ~ '._at']) }}
{%- endmacro -%}

{%- macro _as_of_ranked(found, join) -%}
    {%- set asked = featurestore._as_of_keys(found, join) -%}
    select
        {{ asked | join(',\n        ') }},
        {%- for column, name in join.outputs %}
        _history.{{ column }} as {{ name }},
        {%- endfor %}
        row_number() over (
            partition by {{ asked | join(', ') }}
            order by {{ join.order | join(', ') }}
        ) as _row

    from {{ found }}
{%- endmacro -%}

{%- macro _as_of_at_that_instant(features, join) -%}
-- The rows at that instant, the one to use first.
_ranked as (

    {{ featurestore._as_of_ranked('_newest', join) }}
    inner join {{ features }} as _history
        on {{ (
            (join.on | map('replace', '_asked.', '_newest.') | list)
            + ['_newest._event = _history.' ~ join.event]
        ) | join('\n        and ') }}

)
{%- endmacro -%}

{%- macro _as_of_result(spine, join) -%}
select
    _spine.*
    {%- for column, name in join.outputs %},
    _ranked.{{ name }}
    {%- endfor %}

from {{ spine }} as _spine
left join _ranked
    on _ranked._row = 1
    {%- for key, of_spine in join.pairs %}
    and _spine.{{ of_spine }} = _ranked._key{{ loop.index }}
    {%- endfor %}
    and _spine.{{ join.at }} = _ranked._at
{%- endmacro -%}

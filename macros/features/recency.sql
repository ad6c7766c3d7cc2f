{%- macro recency(event_timestamp, join_keys=none, at=none, unit='days') -%}
    {{ return(adapter.dispatch('recency', 'featurestore')(event_timestamp, join_keys, at, unit)) }}
{%- endmacro -%}

{#- The frame ends one microsecond before the row's own instant, so rows at one instant are not each
    other's previous event. -#}
{%- macro default__recency(event_timestamp, join_keys, at, unit) -%}
    {%- if (join_keys is none) == (at is none) -%}
        {{ exceptions.raise_compiler_error(
            "recency: give either join_keys, for the time since the entity's previous event, or at, "
            ~ "for the time from the event to that instant."
        ) }}
    {%- endif -%}
    {%- set units = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400, 'week': 604800} -%}
    {%- if unit.rstrip('s') not in units -%}
        {{ exceptions.raise_compiler_error(
            "recency: unit must be " ~ (units | join('s, ')) ~ "s, got '" ~ unit ~ "'."
        ) }}
    {%- endif -%}
    {%- set event = featurestore._epoch_microseconds(featurestore._quoted(event_timestamp)) -%}
    {%- set previous = 'max(' ~ event ~ ') over (' ~ featurestore._partition_by(join_keys or [])
        ~ ' order by ' ~ event ~ ' range between unbounded preceding and 1 preceding)' -%}
    {%- set elapsed = event ~ ' - ' ~ previous if at is none
        else featurestore._epoch_microseconds(at) ~ ' - ' ~ event -%}
    {{- featurestore._double(elapsed) }} / {{ units[unit.rstrip('s')] * 1000000 }}
{%- endmacro -%}

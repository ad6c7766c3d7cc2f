{#- A duration such as '7 days', in microseconds. -#}
{%- macro _microseconds(duration) -%}
    {%- set parts = featurestore._duration(duration) -%}
    {{ return(parts[0] * {
        'second': 1000000,
        'minute': 60 * 1000000,
        'hour': 3600 * 1000000,
        'day': 86400 * 1000000,
        'week': 7 * 86400 * 1000000,
    }[parts[1]]) }}
{%- endmacro -%}

{#- A duration such as '7 days' as its number and its unit, the latter in the singular. -#}
{%- macro _duration(duration) -%}
    {%- set parts = modules.re.match(
        '\\s*(\\d+)\\s*(second|minute|hour|day|week)s?\\s*$', duration | string | lower
    ) -%}
    {%- if not parts or parts.group(1) | int == 0 -%}
        {{ exceptions.raise_compiler_error(
            "'" ~ duration ~ "' is no duration. Write it as '7 days': a positive number of "
            ~ "seconds, minutes, hours, days or weeks."
        ) }}
    {%- endif -%}
    {{ return((parts.group(1) | int, parts.group(2))) }}
{%- endmacro -%}

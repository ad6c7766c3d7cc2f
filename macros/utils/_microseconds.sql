{#- Return the microseconds in a duration such as '7 days'. -#}
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

{#- Return the number and the unit, in the singular, of a duration such as '7 days'. -#}
{%- macro _duration(duration) -%}
    {%- set parts = modules.re.match(
        '\\s*(\\d+)\\s*(second|minute|hour|day|week)s?\\s*$', duration | string | lower
    ) -%}
    {%- if not parts or parts.group(1) | int == 0 -%}
        {{ exceptions.raise_compiler_error(
            "'" ~ duration ~ "' is not a duration. Write a positive number of seconds, minutes, hours, "
            ~ "days or weeks, such as '7 days'."
        ) }}
    {%- endif -%}
    {{ return((parts.group(1) | int, parts.group(2))) }}
{%- endmacro -%}

{#- A duration such as '7 days', in microseconds. -#}
{%- macro _microseconds(duration) -%}
    {%- set lengths = {
        'second': 1000000,
        'minute': 60 * 1000000,
        'hour': 3600 * 1000000,
        'day': 86400 * 1000000,
        'week': 7 * 86400 * 1000000,
    } -%}
    {%- set parts = modules.re.match('\s*(\d+)\s*([a-z]+?)s?\s*$', duration | string | lower) -%}
    {%- if not parts or parts.group(2) not in lengths or parts.group(1) | int == 0 -%}
        {{ exceptions.raise_compiler_error(
            "'" ~ duration ~ "' is no length of a window. Write it as '7 days': a positive number of "
            ~ (lengths | join('s, ')) ~ "s."
        ) }}
    {%- endif -%}
    {{ return((parts.group(1) | int) * lengths[parts.group(2)]) }}
{%- endmacro -%}

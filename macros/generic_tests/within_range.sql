{% test within_range(model, column_name, min_value=none, max_value=none) %}
    {{ return(adapter.dispatch('test_within_range', 'featurestore')(model, column_name, min_value, max_value)) }}
{% endtest %}

{% macro default__test_within_range(model, column_name, min_value, max_value) %}

{%- if min_value is none and max_value is none -%}
    {{ exceptions.raise_compiler_error(
        "within_range on '" ~ column_name ~ "': give min_value, max_value or both."
    ) }}
{%- endif -%}
{%- set column = featurestore._quoted(column_name) -%}
{%- set outside = [] -%}
{%- if min_value is not none -%}{%- do outside.append(column ~ ' < ' ~ min_value) -%}{%- endif -%}
{%- if max_value is not none -%}{%- do outside.append(column ~ ' > ' ~ max_value) -%}{%- endif %}

select {{ column }}

from {{ model }}

where {{ outside | join('\n    or ') }}

{% endmacro %}

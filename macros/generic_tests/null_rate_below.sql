{% test null_rate_below(model, column_name, rate) %}
    {{ return(adapter.dispatch('test_null_rate_below', 'featurestore')(model, column_name, rate)) }}
{% endtest %}

{% macro default__test_null_rate_below(model, column_name, rate) %}

{%- if rate is not number or not 0 < rate <= 1 -%}
    {{ exceptions.raise_compiler_error(
        "null_rate_below on '" ~ column_name ~ "': rate must be above 0 and at most 1, such as 0.05, got "
        ~ rate ~ ". To forbid NULL, use dbt's own not_null."
    ) }}
{%- endif -%}
{%- set column = featurestore._quoted(column_name) %}

select
    count(*) as row_count,
    count(*) - count({{ column }}) as null_count

from {{ model }}

having count(*) - count({{ column }}) >= {{ rate }} * count(*)
    and count(*) > 0

{% endmacro %}

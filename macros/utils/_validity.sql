{#- Return a row's end as an expression that is NULL for no end: a snapshot may write `no_end` there. -#}
{%- macro _end(valid_until, no_end) -%}
    {%- set column = featurestore._quoted(valid_until) -%}
    {{ return('nullif(' ~ column ~ ', ' ~ no_end ~ ')' if no_end else column) }}
{%- endmacro -%}

{#- Return the conditions under which the newest row of an entity counts: it has not ended, and it does
    not record a deletion. An end is exclusive. -#}
{%- macro _valid_conditions(valid_until, no_end, is_deleted, valid_at=none) -%}
    {%- set conditions = [] -%}
    {%- if valid_until -%}
        {%- set end = featurestore._end(valid_until, no_end) -%}
        {%- set now = dbt.current_timestamp() if valid_at is none else valid_at -%}
        {%- do conditions.append(
            '(' ~ end ~ ' is null or ' ~ featurestore._epoch_microseconds(end) ~ ' > '
            ~ featurestore._epoch_microseconds(now) ~ ')'
        ) -%}
    {%- endif -%}
    {%- if is_deleted -%}
        {%- set column = featurestore._quoted(is_deleted) -%}
        {%- do conditions.append('(' ~ column ~ ' is null or ' ~ column ~ " <> 'True')") -%}
    {%- endif -%}
    {{ return(conditions) }}
{%- endmacro -%}

{#- Return the order of rows with one start: dbt closes the row of a key that disappears, and adds one
    with the same start when it comes back, so the row without an end wins. -#}
{%- macro _order_of_ends(valid_until, no_end, is_deleted) -%}
    {%- set terms = [] -%}
    {%- if valid_until -%}
        {%- do terms.append(featurestore._end(valid_until, no_end) ~ ' desc nulls first') -%}
    {%- endif -%}
    {%- if is_deleted -%}
        {%- do terms.append(featurestore._quoted(is_deleted) ~ ' desc nulls last') -%}
    {%- endif -%}
    {{ return(terms) }}
{%- endmacro -%}

{#- Return the columns of rolling_features, by aggregate and then by window, as a list of
    {name, expression, window}. -#}
{%- macro _rolling_columns(windows, aggregates) -%}
    {%- if aggregates is not mapping or not aggregates -%}
        {{ exceptions.raise_compiler_error(
            "rolling_features: aggregates must be a mapping of names to aggregates, such as "
            ~ "{'amount_sum': 'sum(amount)'}, got " ~ aggregates ~ "."
        ) }}
    {%- endif -%}
    {%- set features = [] -%}
    {%- for name, aggregate in aggregates.items() -%}
        {%- set own = aggregate if aggregate is mapping else {'expression': aggregate} -%}
        {%- if not own.get('expression') -%}
            {{ exceptions.raise_compiler_error(
                "rolling_features: the aggregate '" ~ name ~ "' is " ~ aggregate ~ ". Write it as "
                ~ "'sum(amount)', or as {'expression': 'sum(amount)', 'windows': ['7 days']}."
            ) }}
        {%- endif -%}
        {%- set lengths = own.get('windows', windows) -%}
        {%- if not lengths -%}
            {{ exceptions.raise_compiler_error(
                "rolling_features: the aggregate '" ~ name ~ "' has no window. Give at least one: "
                ~ "windows=['1 hour', '7 days']."
            ) }}
        {%- endif -%}
        {%- for length in ([lengths] if lengths is string else lengths) -%}
            {%- do features.append({
                'name': featurestore._quoted(name ~ '_' ~ featurestore._abbreviated(length)),
                'expression': own['expression'],
                'window': length,
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(features) }}
{%- endmacro -%}

{#- Shorten '7 days' to `7d`. -#}
{%- macro _abbreviated(duration) -%}
    {%- set parts = featurestore._duration(duration) -%}
    {{ return(parts[0] ~ parts[1][0]) }}
{%- endmacro -%}

{#- Turn '7 days' into `last_7_days`. -#}
{%- macro _window_name(duration) -%}
    {%- set parts = featurestore._duration(duration) -%}
    {{ return('last_' ~ parts[0] ~ '_' ~ parts[1] ~ ('' if parts[0] == 1 else 's')) }}
{%- endmacro -%}

{%- macro _refuse_duplicates(what, names) -%}
    {%- for name in names -%}
        {%- if not featurestore._without([name], names[:loop.index0]) -%}
        {{ exceptions.raise_compiler_error(
            what ~ ": two columns would have the name '" ~ name ~ "'. Rename one of them."
        ) }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro -%}

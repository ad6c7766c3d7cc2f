{#- Return one column name, or several, as a list, with quotes where a name needs them. -#}
{%- macro _quoted_list(names) -%}
    {%- set quoted = [] -%}
    {%- for name in ([names] if names is string else names) -%}
        {%- do quoted.append(featurestore._quoted(name)) -%}
    {%- endfor -%}
    {{ return(quoted) }}
{%- endmacro -%}

{#- Return the names that no spelling of a taken name means, each once. -#}
{%- macro _without(names, taken) -%}
    {%- set known = [] -%}
    {%- for name in taken -%}
        {%- do known.append(featurestore._identity(name)) -%}
    {%- endfor -%}
    {%- set others = [] -%}
    {%- for name in names -%}
        {%- if featurestore._identity(name) not in known -%}
            {%- do known.append(featurestore._identity(name)) -%}
            {%- do others.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(others) }}
{%- endmacro -%}

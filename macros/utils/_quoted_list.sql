{#- Return one column name, or several, as a list, with quotes where a name needs them. -#}
{%- macro _quoted_list(names) -%}
    {%- set quoted = [] -%}
    {%- for name in ([names] if names is string else names) -%}
        {%- do quoted.append(featurestore._quoted(name)) -%}
    {%- endfor -%}
    {{ return(quoted) }}
{%- endmacro -%}

{#- Column names, one or a list of them, as a list of names that are quoted where it is needed. -#}
{%- macro _quoted_list(names) -%}
    {%- set quoted = [] -%}
    {%- for name in ([names] if names is string else names) -%}
        {%- do quoted.append(featurestore._quoted(name)) -%}
    {%- endfor -%}
    {{ return(quoted) }}
{%- endmacro -%}

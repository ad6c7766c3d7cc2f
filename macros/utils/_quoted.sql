{#- Quotes a column's name where it needs it: a plain name is left alone, since quoting one would
    change its case on some warehouses, and a name that is quoted already is too. -#}
{%- macro _quoted(name) -%}
    {%- if modules.re.match('[A-Za-z_][A-Za-z0-9_]*$', name) or name[0] in '"`[' -%}
        {{ return(name) }}
    {%- endif -%}
    {{ return(adapter.quote(name)) }}
{%- endmacro -%}

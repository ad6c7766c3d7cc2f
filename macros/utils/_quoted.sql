{#- Quote a column's name where it needs quotes. A plain name stays bare, because quotes would change
    its case on some warehouses; a quoted name stays as it is. -#}
{%- macro _quoted(name) -%}
    {%- if modules.re.match('[A-Za-z_][A-Za-z0-9_]*$', name) or name[0] in '"`[' -%}
        {{ return(name) }}
    {%- endif -%}
    {{ return(adapter.quote(name)) }}
{%- endmacro -%}

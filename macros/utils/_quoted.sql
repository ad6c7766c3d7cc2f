{#- Quote a column's name where it needs quotes. A plain name stays bare, because quotes would change
    its case on some warehouses; a quoted name stays as it is. A reserved word gets quotes, in the case
    in which the warehouse stores a bare name. -#}
{%- macro _quoted(name) -%}
    {%- set plain = modules.re.match('[A-Za-z_][A-Za-z0-9_]*$', name) -%}
    {%- if name[0] in '"`[' or (plain and name | lower not in featurestore._reserved_words()) -%}
        {{ return(name) }}
    {%- endif -%}
    {{ return(adapter.quote(featurestore._folded(name) if plain else name)) }}
{%- endmacro -%}

{#- Quote a name that the warehouse stores where a bare name would mean another one. -#}
{%- macro _stored(name) -%}
    {%- if featurestore._folded(name) == name -%}
        {{ return(featurestore._quoted(name)) }}
    {%- endif -%}
    {{ return(adapter.quote(name)) }}
{%- endmacro -%}

{#- Return the words that PostgreSQL, DuckDB, Snowflake, BigQuery or Trino reserves. One list serves all
    warehouses, because an unneeded quote does no harm. -#}
{%- macro _reserved_words() -%}
    {%- set words -%}
        account all alter analyse analyze and anti any array as asc asof assert_rows_modified
        asymmetric at authorization between binary both by case cast check collate collation
        column columns concurrently connect connection constraint contains create cross cube
        current current_catalog current_date current_role current_schema current_time
        current_timestamp current_user database deallocate default deferrable define delete desc
        describe distinct do drop else end enum escape except exclude execute exists extract
        false fetch following for foreign freeze from full generated glob grant group grouping
        groups gscluster hash having if ignore ilike in increment initially inner insert
        intersect interval into is isnull issue join lambda lateral leading left like limit
        localtime localtimestamp lookup map match_condition merge minus natural new no not
        notnull null nulls of offset on only or order organization outer over overlaps partition
        pivot pivot_longer pivot_wider placing positional preceding prepare primary proto
        qualify range recursive references regexp respect returning revoke right rlike rollup
        row rows sample schema select semi session_user set show similar some start struct
        summarize symmetric table tablesample then to trailing treat trigger true try_cast tuple
        unbounded union unique unnest unpack unpivot update user using values variadic verbose
        view when whenever where window with within
    {%- endset -%}
    {{ return(words.split()) }}
{%- endmacro -%}

{{ config(tags='careless', enabled=target.type != 'spark') }}

select
    timestamp 'infinity' as happened_at,
    timestamp '-infinity' as written_at,
    2 as {{ adapter.quote('order') }}

{{ config(tags='careless') }}

select 1 as id, timestamp '2024-05-01 10:00:00Z' as happened_at, timestamp '2024-05-01 10:00:00Z' as written_at, 0.0 as share
union all
select 2, timestamp '2024-05-01 11:00:00Z', timestamp '2024-05-01 10:59:59.999999Z', 1.0
union all
select 3, timestamp '2024-05-01 12:00:00Z', null, -0.1
union all
select 4, null, timestamp '2024-05-01 12:00:00Z', 1.1
union all
select 4, timestamp '2999-01-01 00:00:00Z', timestamp '2999-01-01 00:00:00Z', null
union all
select 4, timestamp '2999-01-01 00:00:00Z', timestamp '2999-01-02 00:00:00Z', null

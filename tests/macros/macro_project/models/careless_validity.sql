{{ config(tags='careless') }}

select 1 as id, timestamp '2024-05-01 10:00:00Z' as starts_at, timestamp '2024-05-01 11:00:00Z' as ends_at
union all
select 1, timestamp '2024-05-01 11:00:00Z', null
union all
select 2, timestamp '2024-05-01 10:00:00Z', timestamp '2024-05-01 12:00:00Z'
union all
select 2, timestamp '2024-05-01 11:00:00Z', null
union all
select 3, timestamp '2024-05-01 10:00:00Z', timestamp '1999-01-01 00:00:00Z'
union all
select 3, timestamp '2024-05-01 11:00:00Z', timestamp '1999-01-01 00:00:00Z'

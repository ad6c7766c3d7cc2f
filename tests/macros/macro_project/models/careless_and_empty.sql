{{ config(tags='careless') }}

select * from {{ source('raw', 'events') }} where event_id < 0

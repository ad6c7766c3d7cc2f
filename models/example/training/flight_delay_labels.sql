with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

labels as (

    select
        ----------  ids
        carrier,
        flight,
        tailnum,
        origin,
        dest,

        ----------  timestamps
        scheduled_departure_at,
        scheduled_departure_at - interval '2 hours' as event_timestamp,

        ----------  label
        arrived_late

    from flights
    where arrived_at is not null

)

select * from labels

{#- A table: every feature view reads it, and a view would parse the file each time. -#}
{{ config(materialized='table') }}

with

source as (

    select * from {{ source('nycflights', 'flights') }}

),

airports as (

    select * from {{ ref('stg_nycflights__airports') }}

),

typed as (

    select
        ----------  ids
        carrier,
        cast(flight as integer) as flight,
        tailnum,
        origin,
        dest,

        ----------  dates
        make_date(cast("year" as integer), cast("month" as integer), cast("day" as integer))
            as departure_date,

        ----------  numerics
        cast(dep_delay as integer) as departure_delay,
        cast(arr_delay as integer) as arrival_delay,
        cast(air_time as integer) as air_time,
        cast(distance as integer) as distance,

        ----------  timestamps
        cast(time_hour as timestamp) + to_minutes(cast("minute" as integer))
            as scheduled_departure_at,

        ----------  clocks
        cast(sched_arr_time as integer) as arrival_hhmm

    from source

),

-- Local time at the destination: at the departure, and at the scheduled arrival on that day.
clocks as (

    select
        typed.*,
        airports.time_zone,
        (scheduled_departure_at at time zone 'UTC') at time zone airports.time_zone
            as clock_at_departure,
        date_trunc('day', clock_at_departure)
            + to_hours(arrival_hhmm // 100)
            + to_minutes(arrival_hhmm % 100) as clock_at_arrival

    from typed
    left join airports on typed.dest = airports.airport

),

-- The file lacks the date of arrival. It is the first day on which the scheduled local time comes
-- after the departure.
instants as (

    select
        *,
        case
            when clock_at_arrival > clock_at_departure then clock_at_arrival
            else clock_at_arrival + to_days(1)
        end at time zone time_zone at time zone 'UTC' as scheduled_arrival_at

    from clocks

),

final as (

    select
        ----------  ids
        carrier,
        flight,
        tailnum,
        origin,
        dest,

        ----------  dates
        departure_date,

        ----------  timestamps
        scheduled_departure_at,
        scheduled_departure_at + to_minutes(departure_delay) as departed_at,
        scheduled_arrival_at,
        scheduled_arrival_at + to_minutes(arrival_delay) as arrived_at,

        ----------  numerics
        departure_delay,
        arrival_delay,
        air_time,
        distance,

        ----------  booleans
        arrival_delay > 15 as arrived_late

    from instants

)

select * from final

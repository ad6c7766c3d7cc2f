with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

-- What is learned of an airport, at the instant at which it is learned.
events as (

    select
        origin as airport,
        departed_at as observed_at,
        departure_delay,
        null as arrival_delay
    from flights
    where departed_at is not null

    union all

    select
        dest as airport,
        arrived_at as observed_at,
        null as departure_delay,
        arrival_delay
    from flights
    where arrived_at is not null

),

-- A window changes when an event enters it and when the event leaves it, an hour later.
changes as (

    select * from events

    union all

    select
        airport,
        observed_at + interval '1 hour' as observed_at,
        null as departure_delay,
        null as arrival_delay
    from events

),

rolled as (

    select distinct
        airport,
        observed_at,
        {{ featurestore.trailing_window('count(departure_delay)', 'airport', 'observed_at', '1 hour') }}
            as departures_1h,
        {{ featurestore.trailing_window('avg(departure_delay)', 'airport', 'observed_at', '1 hour') }}
            as dep_delay_avg_1h,
        {{ featurestore.trailing_window('count(arrival_delay)', 'airport', 'observed_at', '1 hour') }}
            as arrivals_1h,
        {{ featurestore.trailing_window('avg(arrival_delay)', 'airport', 'observed_at', '1 hour') }}
            as arr_delay_avg_1h

    from changes

)

select * from rolled

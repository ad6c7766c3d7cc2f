with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

-- Departures and arrivals of an airport, each at the instant at which it becomes known.
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

    {{ featurestore.rolling_features(
        'changes',
        join_keys='airport',
        event_timestamp='observed_at',
        windows='1 hour',
        aggregates={
            'departures': 'count(departure_delay)',
            'dep_delay_avg': 'avg(departure_delay)',
            'arrivals': 'count(arrival_delay)',
            'arr_delay_avg': 'avg(arrival_delay)',
        },
    ) | indent(4) }}

)

select * from rolled

with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

landings as (

    select *
    from flights
    where arrived_at is not null

),

{%- set route = ['origin', 'dest'] %}

rolled as (

    select
        origin,
        dest,
        arrived_at as observed_at,
        distance,

        {{ featurestore.trailing_window('avg(arrival_delay)', route, 'arrived_at', '7 days') }}
            as arr_delay_avg_7d,
        {{ featurestore.trailing_window('max(arrival_delay)', route, 'arrived_at', '7 days') }}
            as arr_delay_max_7d,
        {{ featurestore.trailing_window('count(*)', route, 'arrived_at', '7 days') }}
            as flight_count_7d,
        {{ featurestore.trailing_window('avg(air_time)', route, 'arrived_at', '30 days') }}
            as air_time_avg_30d,
        {{ featurestore.trailing_window('count_if(arrived_late)', route, 'arrived_at', '30 days') }}
            as late_count_30d,
        {{ featurestore.trailing_window('count(*)', route, 'arrived_at', '30 days') }}
            as flight_count_30d

    from landings

),

-- Flights that land at one instant see the same windows: their rows are one.
final as (

    select distinct
        ----------  keys and timestamps
        origin,
        dest,
        observed_at,

        ----------  rolling
        arr_delay_avg_7d,
        arr_delay_max_7d,
        flight_count_7d,
        air_time_avg_30d,
        cast(late_count_30d / flight_count_30d as decimal(5, 4)) as late_share_30d,

        ----------  the route itself
        distance

    from rolled

)

select * from final

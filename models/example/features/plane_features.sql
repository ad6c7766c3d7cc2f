with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

planes as (

    select * from {{ ref('stg_nycflights__planes') }}

),

landings as (

    select *
    from flights
    where tailnum is not null and arrived_at is not null

),

rolled as (

    select
        tailnum,
        arrived_at as observed_at,

        {{ featurestore.trailing_window('avg(arrival_delay)', 'tailnum', 'arrived_at', '7 days') }}
            as arr_delay_avg_7d,
        {{ featurestore.trailing_window('avg(arrival_delay)', 'tailnum', 'arrived_at', '30 days') }}
            as arr_delay_avg_30d,
        {{ featurestore.trailing_window('avg(departure_delay)', 'tailnum', 'arrived_at', '7 days') }}
            as dep_delay_avg_7d,
        {{ featurestore.trailing_window('avg(departure_delay)', 'tailnum', 'arrived_at', '30 days') }}
            as dep_delay_avg_30d,
        {{ featurestore.trailing_window('count(*)', 'tailnum', 'arrived_at', '7 days') }}
            as flight_count_7d,
        {{ featurestore.trailing_window('count(*)', 'tailnum', 'arrived_at', '30 days') }}
            as flight_count_30d,
        {{ featurestore.trailing_window('count_if(arrived_late)', 'tailnum', 'arrived_at', '7 days') }}
            as late_count_7d,
        {{ featurestore.trailing_window('count_if(arrived_late)', 'tailnum', 'arrived_at', '30 days') }}
            as late_count_30d,

        ----------  the last landing; of two reported for one instant, the one that left last
        row_number() over last_landing as landing_rank,
        arrived_late as last_arrived_late,
        departure_date as last_departure_date

    from landings
    window last_landing as (
        partition by tailnum, arrived_at
        order by departed_at desc, carrier, flight
    )

),

joined as (

    select
        ----------  keys and timestamps
        rolled.tailnum,
        rolled.observed_at,

        ----------  rolling
        rolled.arr_delay_avg_7d,
        rolled.arr_delay_avg_30d,
        rolled.dep_delay_avg_7d,
        rolled.dep_delay_avg_30d,
        rolled.flight_count_7d,
        rolled.flight_count_30d,
        cast(rolled.late_count_7d as bigint) as late_count_7d,
        cast(rolled.late_count_30d / rolled.flight_count_30d as decimal(5, 4)) as late_share_30d,

        ----------  the last landing
        rolled.last_arrived_late,
        rolled.last_departure_date,

        ----------  the plane itself
        planes.manufacturer,
        planes.year_built,
        planes.engines,
        planes.seats

    from rolled
    left join planes on rolled.tailnum = planes.tailnum
    where rolled.landing_rank = 1

)

select * from joined

with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

planes as (

    select * from {{ ref('stg_nycflights__planes') }}

),

-- The columns of the last landing; of two landings at one instant, the plane that left last.
rolled as (

    {{ featurestore.rolling_features(
        'flights',
        join_keys='tailnum',
        event_timestamp='arrived_at',
        windows=['7 days', '30 days'],
        aggregates={
            'arr_delay_avg': 'avg(arrival_delay)',
            'dep_delay_avg': 'avg(departure_delay)',
            'flight_count': 'count(*)',
            'late_count': 'count_if(arrived_late)',
        },
        columns=['arrived_late', 'departure_date'],
        order_by='departed_at desc, carrier, flight',
    ) | indent(4) }}

),

joined as (

    select
        ----------  keys and timestamps
        rolled.tailnum,
        rolled.arrived_at as observed_at,

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
        rolled.arrived_late as last_arrived_late,
        rolled.departure_date as last_departure_date,

        ----------  the plane itself
        planes.manufacturer,
        planes.year_built,
        planes.engines,
        planes.seats

    from rolled
    left join planes on rolled.tailnum = planes.tailnum

)

select * from joined

with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

airlines as (

    select * from {{ ref('stg_nycflights__airlines') }}

),

-- A day ends at midnight UTC, and a flight that lands at midnight belongs to the day that ends.
daily as (

    select
        carrier,
        cast(arrived_at - interval '1 microsecond' as date) + 1 as as_of_date,
        count(*) as flight_count,
        count_if(arrived_late) as late_count,
        sum(arrival_delay) as arrival_delay_sum

    from flights
    where arrived_at is not null
    group by 1, 2

),

-- One row a day for every carrier, so that an empty window has a row, too.
calendar as (

    select
        airlines.carrier,
        airlines.carrier_name,
        cast(days.day as date) as as_of_date

    from airlines
    cross join (
        select unnest(generate_series(min(as_of_date), max(as_of_date), interval '1 day')) as day
        from daily
    ) as days

),

filled as (

    select
        calendar.carrier,
        calendar.carrier_name,
        calendar.as_of_date,
        daily.flight_count,
        daily.late_count,
        daily.arrival_delay_sum

    from calendar
    left join daily
        on calendar.carrier = daily.carrier
        and calendar.as_of_date = daily.as_of_date

),

rolled as (

    {{ featurestore.rolling_features(
        'filled',
        join_keys='carrier',
        event_timestamp='as_of_date',
        windows='7 days',
        aggregates={
            'flight_count': 'sum(flight_count)',
            'late_count': 'sum(late_count)',
            'arrival_delay_sum': 'sum(arrival_delay_sum)',
        },
        columns=['carrier_name', 'flight_count', 'arrival_delay_sum'],
    ) | indent(4) }}

),

final as (

    select
        ----------  keys and timestamps
        carrier,
        as_of_date,

        ----------  the last day
        cast(coalesce(flight_count, 0) as bigint) as flight_count_1d,
        cast(arrival_delay_sum / flight_count as double) as arr_delay_avg_1d,

        ----------  rolling
        cast(coalesce(flight_count_7d, 0) as bigint) as flight_count_7d,
        cast(arrival_delay_sum_7d / flight_count_7d as double) as arr_delay_avg_7d,
        cast(late_count_7d / flight_count_7d as decimal(5, 4)) as late_share_7d,

        ----------  the carrier itself
        carrier_name

    from rolled

)

select * from final

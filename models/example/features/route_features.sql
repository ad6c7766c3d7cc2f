with

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

rolled as (

    {{ featurestore.rolling_features(
        'flights',
        join_keys=['origin', 'dest'],
        event_timestamp='arrived_at',
        windows='7 days',
        aggregates={
            'arr_delay_avg': 'avg(arrival_delay)',
            'arr_delay_max': 'max(arrival_delay)',
            'flight_count': {'expression': 'count(*)', 'windows': ['7 days', '30 days']},
            'air_time_avg': {'expression': 'avg(air_time)', 'windows': '30 days'},
            'late_count': {'expression': 'count_if(arrived_late)', 'windows': '30 days'},
        },
        columns='distance',
    ) | indent(4) }}

),

final as (

    select
        ----------  keys and timestamps
        origin,
        dest,
        arrived_at as observed_at,

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

with

weather as (

    select * from {{ ref('stg_nycflights__weather') }}

),

final as (

    select
        ----------  keys and timestamps
        airport,
        hour_starts_at,

        ----------  observed in the hour
        temperature_f,
        dew_point_f,
        humidity_pct,
        wind_direction_deg,
        wind_speed_mph,
        wind_gust_mph,
        precipitation_in,
        pressure_mb,
        visibility_mi,
        visibility_mi < 3 as below_visual_minimum

    from weather

)

select * from final

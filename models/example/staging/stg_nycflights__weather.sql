with

source as (

    select * from {{ source('nycflights', 'weather') }}

),

typed as (

    select
        ----------  ids
        origin as airport,

        ----------  timestamps
        cast(time_hour as timestamp) as hour_starts_at,

        ----------  numerics
        cast(temp as double) as temperature_f,
        cast(dewp as double) as dew_point_f,
        cast(humid as double) as humidity_pct,
        cast(wind_dir as integer) as wind_direction_deg,
        -- One report has a wind of 1,048 mph; no other is above 43.
        case when cast(wind_speed as double) < 200 then cast(wind_speed as double) end
            as wind_speed_mph,
        cast(wind_gust as double) as wind_gust_mph,
        cast(precip as double) as precipitation_in,
        cast(pressure as double) as pressure_mb,
        cast(visib as double) as visibility_mi

    from source

)

select * from typed

with

source as (

    select * from {{ source('nycflights', 'airports') }}

),

listed as (

    select
        faa as airport,
        name as airport_name,
        tzone as time_zone

    from source

),

-- Four destinations are not in the file. Puerto Rico and the United States Virgin Islands keep
-- Atlantic Standard Time all year: https://www.iana.org/time-zones, file `northamerica`.
unlisted (airport, airport_name, time_zone) as (

    values
        ('BQN', 'Rafael Hernandez', 'America/Puerto_Rico'),
        ('PSE', 'Mercedita', 'America/Puerto_Rico'),
        ('SJU', 'Luis Munoz Marin', 'America/Puerto_Rico'),
        ('STT', 'Cyril E King', 'America/St_Thomas')

),

unioned as (

    select * from listed
    union all
    select * from unlisted

)

select * from unioned

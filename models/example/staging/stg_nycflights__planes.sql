with

source as (

    select * from {{ source('nycflights', 'planes') }}

),

renamed as (

    select
        ----------  ids
        tailnum,

        ----------  text
        manufacturer,
        model,

        ----------  numerics
        cast("year" as integer) as year_built,
        cast(engines as integer) as engines,
        cast(seats as integer) as seats

    from source

)

select * from renamed

with

orders as (

    select * from {{ ref('stg_shop__orders') }}

),

rolled as (

    select
        customer_id,
        ordered_at,
        {{ featurestore.trailing_window('sum(amount)', 'customer_id', 'ordered_at', '1 hour') }}
            as amount_1h

    from orders

)

select * from rolled

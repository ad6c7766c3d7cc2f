with

payments as (

    select
        order_id,
        sum(amount) as amount,
        count(distinct payment_method) as payment_method_count

    from {{ ref('stg_payments') }}
    group by order_id

)

select
    orders.order_id,
    orders.customer_id,
    orders.ordered_at,
    orders.status,
    payments.amount,
    payments.payment_method_count

from {{ ref('stg_orders') }} as orders
left join payments on orders.order_id = payments.order_id

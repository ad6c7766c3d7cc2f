with

totals as (

    select
        customer_id,
        min(ordered_at) as first_ordered_at,
        max(ordered_at) as last_ordered_at,
        count(*) as order_count,
        sum(amount) as lifetime_value

    from {{ ref('orders') }}
    group by customer_id

)

select
    customers.customer_id,
    customers.first_name,
    customers.last_name,
    totals.first_ordered_at,
    totals.last_ordered_at,
    coalesce(totals.order_count, 0) as order_count,
    totals.lifetime_value

from {{ ref('stg_customers') }} as customers
left join totals on customers.customer_id = totals.customer_id

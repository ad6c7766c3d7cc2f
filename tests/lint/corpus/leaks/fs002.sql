-- title: the total of a customer on each order
select
    customer_id,
    ordered_at,
    count(*) over (partition by customer_id) as lifetime_orders
from orders

-- title: the share of a total
select customer_id, ordered_at, amount / sum(amount) over (partition by customer_id) as share
from orders

-- title: a mean of all there is
select station_id, measured_at, temperature - avg(temperature) over () as anomaly
from readings

-- title: a mean by another column than the key
with priced as (
    select o.*, avg(amount) over (partition by product_id) as usual_amount from orders o
)
select customer_id, ordered_at, amount / usual_amount as relative_amount
from priced

-- title: rows are kept by a count of all of them
select customer_id, ordered_at, amount
from orders
qualify count(*) over (partition by customer_id) > 3
-- features: amount

-- title: under a named window
select customer_id, ordered_at, max(amount) over w as largest
from orders
window w as (partition by customer_id)

-- title: totals of a session, on its first row
with marked as (
    select
        customer_id,
        viewed_at,
        case when device = 'web' then 1 else 0 end as is_new
    from page_views
),
numbered as (
    select *, sum(is_new) over (partition by customer_id order by viewed_at) as session_number
    from marked
)
select
    customer_id,
    viewed_at,
    count(*) over (partition by customer_id, session_number) as views_in_session,
    max(viewed_at) over (partition by customer_id, session_number) as session_end
from numbered

-- title: the updates of an order are not at once
-- event_timestamp: updated_at
select customer_id, updated_at, count(*) over (partition by order_id) as updates
from order_updates

-- title: a tenant is not one instant
select lead_id, created_at, count(*) over (partition by tenant_id) as leads_of_tenant
from leads

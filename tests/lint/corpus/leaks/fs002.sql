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

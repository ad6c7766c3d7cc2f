-- title: the value of the next row
select
    customer_id,
    ordered_at,
    lead(amount) over (partition by customer_id order by ordered_at, order_id) as next_amount
from orders

-- title: lag in the order of time turned round
select
    customer_id,
    ordered_at,
    lag(amount) over (partition by customer_id order by ordered_at desc, order_id desc) as other_amount
from orders

-- title: a frame that ends behind the row
select
    customer_id,
    ordered_at,
    avg(amount) over (
        partition by customer_id order by ordered_at, order_id rows between 2 preceding and 2 following
    ) as smoothed
from orders

-- title: a frame without end
select
    customer_id,
    ordered_at,
    sum(amount) over (
        partition by customer_id order by ordered_at
        rows between unbounded preceding and unbounded following
    ) as lifetime_amount
from orders

-- title: a range that reaches into the days to come
select
    customer_id,
    ordered_at,
    count(*) over (
        partition by customer_id order by ordered_at
        range between current row and interval '7' day following
    ) as orders_next_7d
from orders

-- title: the last value of a whole frame
select
    customer_id,
    ordered_at,
    last_value(status) over (
        partition by customer_id order by ordered_at, order_id
        rows between unbounded preceding and unbounded following
    ) as last_status
from orders

-- title: the first value from the end
select
    customer_id,
    ordered_at,
    first_value(status) over (partition by customer_id order by ordered_at desc, order_id desc) as last_status
from orders

-- title: a running sum from the end
select
    customer_id,
    ordered_at,
    sum(amount) over (partition by customer_id order by ordered_at desc) as remaining_amount
from orders

-- title: a rank from the end counts what is to come
select
    customer_id,
    ordered_at,
    row_number() over (partition by customer_id order by ordered_at desc, order_id desc) as orders_to_come
from orders

-- title: a share of a rank knows how many rows there will be
select
    customer_id,
    ordered_at,
    percent_rank() over (partition by customer_id order by ordered_at, order_id) as place
from orders

-- title: through two CTEs and a star
with looked as (
    select *, lead(ordered_at) over (partition by customer_id order by ordered_at, order_id) as next_at
    from orders
),
gaps as (select looked.*, next_at is null as is_last from looked)
select customer_id, ordered_at, case when is_last then 1 else 0 end as churned_then
from gaps

-- title: through a subquery
select s.customer_id, s.ordered_at, s.following_amount
from (
    select
        customer_id,
        ordered_at,
        lead(amount) over (partition by customer_id order by ordered_at, order_id) as following_amount
    from orders
) as s

-- title: a named window
select customer_id, ordered_at, lead(amount, 2) over w as amount_after_next
from orders
window w as (partition by customer_id order by ordered_at, order_id)

-- title: in one branch of a union
select customer_id, ordered_at, amount as x from orders
union all
select
    customer_id,
    paid_at,
    lead(amount) over (partition by customer_id order by paid_at, payment_id)
from payments

-- title: rows are kept for what comes after them
-- replayed: no
select customer_id, ordered_at, amount
from orders
qualify lead(order_id) over (partition by customer_id order by ordered_at, order_id) is null
-- features: amount

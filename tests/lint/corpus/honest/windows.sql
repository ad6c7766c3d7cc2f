-- title: rolling window with a range frame
select
    customer_id,
    ordered_at,
    sum(amount) over (
        partition by customer_id order by ordered_at
        range between interval '7' day preceding and current row
    ) as amount_7d
from orders

-- title: rolling window over a fixed number of rows
-- dialects: duckdb, snowflake, bigquery, postgres
select
    customer_id,
    ordered_at,
    avg(amount) over (
        partition by customer_id order by ordered_at, order_id rows between 9 preceding and current row
    ) as amount_avg_10
from orders

-- title: running totals with the frame that SQL assumes
select
    customer_id,
    ordered_at,
    count(*) over (partition by customer_id order by ordered_at) as orders_so_far,
    max(amount) over (partition by customer_id order by ordered_at) as amount_max_so_far
from orders

-- title: a named window used twice
select
    customer_id,
    ordered_at,
    sum(amount) over w as amount_so_far,
    avg(amount) over w as amount_avg_so_far
from orders
window w as (partition by customer_id order by ordered_at)

-- title: the value before
select
    customer_id,
    ordered_at,
    lag(amount) over (partition by customer_id order by ordered_at, order_id) as previous_amount
from orders

-- title: lead in the order of time turned round is the value before
select
    customer_id,
    ordered_at,
    lead(amount) over (partition by customer_id order by ordered_at desc, order_id desc) as previous_amount
from orders

-- title: a frame that leaves the row itself out
select
    customer_id,
    ordered_at,
    avg(amount) over (
        partition by customer_id order by ordered_at, order_id rows between 30 preceding and 1 preceding
    ) as earlier_amount_avg
from orders

-- title: following rows in the order of time turned round are the earlier ones
select
    customer_id,
    ordered_at,
    sum(amount) over (
        partition by customer_id order by ordered_at desc, order_id desc
        rows between current row and unbounded following
    ) as amount_so_far
from orders

-- title: the gap since the order before
-- dialects: duckdb, snowflake, postgres
with ordered as (
    select *, lag(ordered_at) over (partition by customer_id order by ordered_at) as previous_ordered_at
    from orders
)
select customer_id, ordered_at, ordered_at - previous_ordered_at as since_previous
from ordered

-- title: the first value of a customer never changes
select
    customer_id,
    ordered_at,
    first_value(channel) over (partition by customer_id order by ordered_at, order_id) as first_channel
from orders

-- title: the first instant over the whole partition is known from the first row on
-- dialects: duckdb, snowflake, postgres
select
    customer_id,
    ordered_at,
    ordered_at - min(ordered_at) over (partition by customer_id) as age
from orders

-- title: the last known value so far
select
    customer_id,
    ordered_at,
    last_value(channel) over (
        partition by customer_id order by ordered_at, order_id
        rows between unbounded preceding and current row
    ) as last_channel
from orders

-- title: rank among the orders of the same instant
select
    customer_id,
    ordered_at,
    sum(amount) over (partition by customer_id, ordered_at) as amount_at_once
from orders

-- title: share of all that happened at the same instant
select
    station_id,
    measured_at,
    temperature - avg(temperature) over (partition by measured_at) as above_average
from readings

-- title: how many orders came before
select
    customer_id,
    ordered_at,
    row_number() over (partition by customer_id order by ordered_at, order_id) - 1 as orders_before
from orders

-- title: end of validity by lead is used in a join and is no feature
with tiers as (
    select
        customer_id,
        tier,
        valid_from as tier_from,
        lead(valid_from) over (partition by customer_id order by valid_from) as tier_to
    from customer_history
)
select o.customer_id, o.ordered_at, t.tier
from orders o
left join tiers t
    on t.customer_id = o.customer_id
    and t.tier_from <= o.ordered_at
    and (o.ordered_at < t.tier_to or t.tier_to is null)

-- title: exponentially weighted by lags
select
    station_id,
    measured_at,
    0.5 * temperature
        + 0.3 * lag(temperature, 1) over (partition by station_id order by measured_at)
        + 0.2 * lag(temperature, 2) over (partition by station_id order by measured_at) as smoothed
from readings

-- title: what each channel has given by now
select
    customer_id,
    ordered_at,
    sum(case when channel = 'web' then amount else 0 end)
        over (partition by customer_id order by ordered_at) as web_amount,
    count(case when status = 'returned' then 1 end)
        over (partition by customer_id order by ordered_at) as returned_orders
from orders

-- title: limit without order
select customer_id, ordered_at, amount
from orders
limit 1000

-- title: the first row of a partition without order
-- dialects: duckdb, bigquery
select customer_id, ordered_at, amount
from orders
qualify row_number() over (partition by customer_id, ordered_at) = 1

-- title: ordered by what the partition holds equal
select customer_id, ordered_at, amount
from orders
qualify row_number() over (partition by customer_id, ordered_at order by ordered_at) = 1

-- title: any value
select customer_id, ordered_at, any_value(channel) as channel
from orders
group by customer_id, ordered_at
-- dialects: duckdb, snowflake, bigquery

-- title: distinct on without order
-- dialects: duckdb, postgres
select distinct on (customer_id, ordered_at) customer_id, ordered_at, amount
from orders

-- title: in a CTE
with picked as (select * from orders limit 100)
select customer_id, ordered_at, amount from picked

-- title: rows that differ by a count of rows
select customer_id, ordered_at, orders_so_far
from (
    select
        customer_id,
        ordered_at,
        count(*) over (partition by customer_id order by ordered_at rows unbounded preceding) as orders_so_far,
        row_number() over (partition by customer_id, ordered_at order by ordered_at) as _row
    from orders
) as _windowed
where _row = 1

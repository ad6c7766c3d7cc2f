-- title: days since, counted from today
-- dialects: duckdb, snowflake, postgres
select customer_id, ordered_at, current_date - cast(ordered_at as date) as days_ago
from orders

-- title: now, as Postgres and DuckDB say it
-- dialects: duckdb, postgres
select customer_id, ordered_at, now() - ordered_at as age
from orders

-- title: how fresh an order is, in two steps
with aged as (
    select *, case when ordered_at >= current_timestamp - interval '7' day then 1 else 0 end as is_recent
    from orders
)
select customer_id, ordered_at, is_recent from aged

-- title: a random number
select customer_id, ordered_at, random() as noise
from orders

-- title: a random id
-- dialects: duckdb, snowflake, bigquery, postgres
select customer_id, ordered_at, uuid() as row_id
from orders

-- title: clocks of Snowflake
-- dialect: snowflake
select customer_id, ordered_at, datediff('day', ordered_at, sysdate()) as days_ago
from orders

-- title: another clock of Snowflake
-- dialect: snowflake
select customer_id, ordered_at, datediff('day', ordered_at, getdate()) as days_ago
from orders

-- title: clocks of BigQuery
-- dialect: bigquery
select customer_id, ordered_at, date_diff(current_date('UTC'), date(ordered_at), day) as days_ago
from orders

-- title: dice of BigQuery
-- dialect: bigquery
select customer_id, ordered_at, generate_uuid() as row_id
from orders

-- title: clocks of Postgres
-- dialect: postgres
select customer_id, ordered_at, clock_timestamp() - ordered_at as age
from orders

-- title: dice of Postgres
-- dialect: postgres
select customer_id, ordered_at, gen_random_uuid() as row_id
from orders

-- title: clocks of DuckDB
-- dialect: duckdb
select customer_id, ordered_at, get_current_timestamp() as seen_at, today() as seen_on
from orders

-- title: the event timestamp is the clock's in a table that is built anew
select customer_id, current_timestamp as built_at, amount
from orders
-- event_timestamp: built_at

-- title: rows are chosen by chance
select customer_id, ordered_at, amount
from orders
where random() < 0.1

-- title: a sample
-- dialect: duckdb
select customer_id, ordered_at, amount
from orders tablesample 10%

-- title: sums of a day at its start
select customer_id, date_trunc('day', ordered_at) as day, count(*) as orders, sum(amount) as amount
from orders
group by 1, 2
-- event_timestamp: day

-- title: sums of a day at its date
select customer_id, cast(ordered_at as date) as ordered_on, count(*) as orders
from orders
group by customer_id, cast(ordered_at as date)
-- event_timestamp: ordered_on

-- title: truncated first, summed later
-- replayed: no
with truncated as (select *, date_trunc('hour', ordered_at) as hour_start from orders)
select customer_id, hour_start, sum(amount) as amount_1h
from truncated
group by customer_id, hour_start
-- event_timestamp: hour_start

-- title: rolled with its own day in it
with daily as (
    select customer_id, date_trunc('day', ordered_at) as day, sum(amount) as amount
    from orders
    group by 1, 2
)
select
    customer_id,
    day,
    sum(amount) over (partition by customer_id order by day rows between 6 preceding and current row) as amount_7d
from daily
-- event_timestamp: day

-- title: a single value, dated back to the day's start
select customer_id, date_trunc('day', ordered_at) as day, amount
from orders
-- event_timestamp: day

-- title: buckets of DuckDB
-- replayed: no
-- dialect: duckdb
select station_id, time_bucket(interval '10 minutes', measured_at) as bucket, avg(temperature) as temperature
from readings
group by 1, 2
-- event_timestamp: bucket

-- title: days of BigQuery
-- dialect: bigquery
select station_id, date(measured_at) as day, max(temperature) as temperature_max
from readings
group by station_id, day
-- event_timestamp: day

-- title: slices of Snowflake
-- dialect: snowflake
select station_id, time_slice(measured_at, 15, 'minute') as slice, max(temperature) as temperature_max
from readings
group by 1, 2
-- event_timestamp: slice

-- title: days of Snowflake
-- dialect: snowflake
select station_id, measured_at::date as day, max(temperature) as temperature_max
from readings
group by 1, 2
-- event_timestamp: day

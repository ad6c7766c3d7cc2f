-- title: deduplicated by the newest version of each row
select order_id, updated_at, status, amount
from order_updates
qualify row_number() over (partition by order_id, updated_at order by amount desc) = 1
-- keys: order_id
-- event_timestamp: updated_at

-- title: deduplicated in Postgres, which has no QUALIFY
-- dialect: postgres
-- keys: order_id
-- event_timestamp: updated_at
select order_id, updated_at, status, amount
from (
    select *, row_number() over (partition by order_id, updated_at order by amount desc) as newest
    from order_updates
) as ranked
where newest = 1

-- title: the state now, stamped when it began
select order_id, updated_at, status
from order_updates
qualify row_number() over (partition by order_id order by updated_at desc, amount desc) = 1
-- keys: order_id
-- event_timestamp: updated_at
-- replayed: no

-- title: one row per key, stamped with the last event in it
select
    customer_id,
    max(ordered_at) as last_ordered_at,
    count(*) as orders,
    sum(amount) as amount
from orders
group by customer_id
-- event_timestamp: last_ordered_at

-- title: sums of a day, stamped with its end
-- dialects: duckdb, postgres
select
    customer_id,
    date_trunc('day', ordered_at) + interval '1' day as as_of,
    count(*) as orders_1d,
    sum(amount) as amount_1d
from orders
group by 1, 2
-- event_timestamp: as_of

-- title: sums of a day, stamped with its end, as Snowflake writes it
-- dialect: snowflake
-- event_timestamp: as_of
select customer_id, dateadd(day, 1, date_trunc('day', ordered_at)) as as_of, count(*) as orders_1d
from orders
group by 1, 2

-- title: sums of a day, stamped with its end, as BigQuery writes it
-- dialect: bigquery
-- event_timestamp: as_of
select
    customer_id,
    timestamp_add(timestamp_trunc(ordered_at, day), interval 1 day) as as_of,
    count(*) as orders_1d
from orders
group by customer_id, as_of

-- title: sums of a day, stamped with its start and known a day later
-- available_after: 1 day
select customer_id, date_trunc('day', ordered_at) as day, count(*) as orders_1d
from orders
group by 1, 2
-- event_timestamp: day

-- title: sums of the days before only
-- dialects: duckdb, postgres
with daily as (
    select customer_id, date_trunc('day', ordered_at) as day, sum(amount) as amount
    from orders
    group by 1, 2
)
select
    customer_id,
    day,
    sum(amount) over (partition by customer_id order by day rows between 7 preceding and 1 preceding) as amount_earlier
from daily
-- event_timestamp: day
-- replayed: no

-- title: sessions, stamped with the last event of each
-- dialects: duckdb, snowflake, postgres
with marked as (
    select
        *,
        case
            when viewed_at - lag(viewed_at) over (partition by customer_id order by viewed_at)
                <= interval '30' minute then 0
            else 1
        end as is_new
    from page_views
),
numbered as (
    select *, sum(is_new) over (partition by customer_id order by viewed_at) as session_number
    from marked
)
select
    customer_id,
    max(viewed_at) as ended_at,
    count(*) as views,
    min(viewed_at) as began
from numbered
group by customer_id, session_number
-- event_timestamp: ended_at
-- replayed: no

-- title: events of two tables under one key
-- event_timestamp: happened_at
with events as (
    select customer_id, ordered_at as happened_at, amount, 1 as is_order from orders
    union all
    select customer_id, paid_at as happened_at, -amount, 0 as is_order from payments
)
select
    customer_id,
    happened_at,
    sum(amount) over (partition by customer_id order by happened_at) as balance,
    sum(is_order) over (partition by customer_id order by happened_at) as orders_so_far
from events

-- title: pivot by conditions
select
    customer_id,
    ordered_at,
    sum(case when channel = 'web' then amount end) as web_amount,
    sum(case when channel = 'shop' then amount end) as shop_amount
from orders
group by customer_id, ordered_at

-- title: pivot by PIVOT
-- dialects: duckdb
-- features: web, shop
select *
from (select customer_id, ordered_at, channel, amount from orders)
pivot (sum(amount) for channel in ('web', 'shop'))

-- title: incremental model, after its first run
-- replayed: no
select customer_id, ordered_at, amount
from orders
where ordered_at > (select coalesce(max(ordered_at), cast('1900-01-01' as timestamp)) from orders_so_far)

-- title: a clock in a filter keeps out rows of clocks that run ahead
select customer_id, ordered_at, amount
from orders
where ordered_at <= current_timestamp

-- title: when it was loaded is no feature
-- features: amount
select customer_id, ordered_at, amount, current_timestamp as loaded_at
from orders

-- title: distinct rows of windows
select distinct
    customer_id,
    ordered_at,
    count(*) over (partition by customer_id order by ordered_at) as orders_so_far
from orders

-- title: snapshot of dbt
-- event_timestamp: valid_from
-- features: tier
select customer_id, tier, valid_from, valid_to
from customer_history

-- title: stars all the way down
with source as (select * from orders),
renamed as (select * from source where status <> 'cancelled'),
final as (
    select r.*, sum(amount) over (partition by customer_id order by ordered_at) as amount_so_far
    from renamed as r
)
select * from final
-- features: amount, amount_so_far

-- title: a trip, stamped with its end
select driver_id, ended_at, distance_km, fare, ended_at as last_ended
from trips
-- keys: driver_id
-- event_timestamp: ended_at

-- title: a scheduled departure is known before it
select tailnum, scheduled_departure_at, 1 as planned
from flights
-- keys: tailnum
-- event_timestamp: scheduled_departure_at
-- replayed: no

-- title: a flight is known when it has arrived
select
    tailnum,
    arrived_at,
    avg(arrival_delay) over (
        partition by tailnum order by arrived_at rows between 4 preceding and current row
    ) as delay_avg_5
from flights
-- keys: tailnum
-- event_timestamp: arrived_at

-- title: one of several equal rows
select customer_id, ordered_at, orders_so_far
from (
    select
        customer_id,
        ordered_at,
        count(*) over w as orders_so_far,
        row_number() over (partition by customer_id, ordered_at order by ordered_at) as _row
    from orders
    window w as (partition by customer_id order by ordered_at)
) as _windowed
where _row = 1

-- title: snapshot with its own column names
-- event_timestamp: dbt_valid_from
-- features: tier
select customer_id, tier, dbt_valid_from, dbt_valid_to
from customer_snapshot

-- title: the end is the event
-- event_timestamp: ended
select customer_id, dbt_valid_to as ended, date_diff('day', dbt_valid_from, dbt_valid_to) as lasted
from customer_snapshot
where dbt_valid_to is not null

-- title: the end of the row before
select
    customer_id,
    dbt_valid_from as known_at,
    lag(dbt_valid_to) over (partition by customer_id order by dbt_valid_from) as closed
from customer_snapshot

-- title: the row that is valid at each order
select o.customer_id, o.ordered_at, o.amount, s.tier
from orders as o
left join customer_snapshot as s
    on s.customer_id = o.customer_id
    and s.dbt_valid_from <= o.ordered_at
    and (s.dbt_valid_to is null or o.ordered_at < s.dbt_valid_to)

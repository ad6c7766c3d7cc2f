-- title: the share of a transfer in its transaction
-- event_timestamp: block_time
select
    wallet_id,
    block_time,
    amount / sum(amount) over (partition by tx_hash) as share_of_transaction,
    count(*) over (partition by tx_hash) as transfers_in_transaction
from transfers

-- title: totals of a transaction, joined back by its hash
-- event_timestamp: block_time
with totals as (select tx_hash, sum(amount) as amount from transfers group by tx_hash)
select t.wallet_id, t.block_time, t.amount / s.amount as share_of_transaction
from transfers t
join totals s on s.tx_hash = t.tx_hash

-- title: the stops of a trip in one version of a feed
-- event_timestamp: published_at
-- features: stops, last_timezone
select
    trip_id,
    published_at,
    count(*) over (partition by feed_key, trip_id) as stops,
    last_value(timezone) over (
        partition by feed_key, trip_id order by stop_sequence, timezone
        rows between unbounded preceding and unbounded following
    ) as last_timezone
from stop_times

-- title: the last stop of a trip, by its place on the route
-- replayed: no
-- event_timestamp: published_at
-- features: last_timezone, next_timezone
select
    trip_id,
    published_at,
    last_value(timezone) over (
        partition by trip_id order by stop_sequence
        rows between unbounded preceding and unbounded following
    ) as last_timezone,
    lead(timezone) over (partition by trip_id order by stop_sequence) as next_timezone
from stop_times

-- title: the share of a line in its order
select
    customer_id,
    ordered_at,
    amount / sum(amount) over (partition by order_id) as share_of_order
from order_lines

-- title: lines of an order, stamped with the order that they belong to
with lines as (
    select o.customer_id, o.ordered_at, l.order_id, l.product_id, l.amount
    from order_lines l
    join orders o on o.order_id = l.order_id
)
select customer_id, ordered_at, max(amount) over (partition by order_id) as largest_line
from lines
-- replayed: no

-- title: the last known channel, carried forward
with marked as (
    select
        lead_id,
        sent_at,
        case when channel = 'web' then channel end as web,
        count(case when channel = 'web' then channel end)
            over (partition by lead_id order by sent_at, send_id) as running_group
    from sends
)
select lead_id, sent_at, max(web) over (partition by lead_id, running_group) as last_web
from marked

-- title: the last known value, carried forward by a sum of flags
with readings_or_gaps as (
    select station_id, measured_at, case when temperature > 0.5 then temperature end as warm
    from readings
),
grouped as (
    select
        *,
        sum(case when warm is not null then 1 else 0 end)
            over (partition by station_id order by measured_at) as running_group
    from readings_or_gaps
)
select station_id, measured_at, max(warm) over (partition by station_id, running_group) as last_warm
from grouped

-- title: start and end of a validity
-- event_timestamp: start_date
-- features: end_date
-- replayed: no
select customer_id, valid_from as start_date, valid_to as end_date
from customer_history

-- title: a campaign, planned to its end
-- event_timestamp: start_date
-- replayed: no
select campaign_id, start_date, end_date, date_diff('day', start_date, end_date) as days
from campaigns
-- dialects: duckdb, snowflake

-- title: a campaign by words of what happened
-- event_timestamp: started_at
-- replayed: no
select campaign_id, start_date as started_at, end_date as ended_at
from campaigns

-- title: a timetable
-- event_timestamp: departure_time
-- replayed: no
select trip_id, departure_time, arrival_time
from stop_times

-- title: a scheduled departure and the arrival that is scheduled
-- event_timestamp: scheduled_at
-- replayed: no
select tailnum, scheduled_departure_at as scheduled_at, arrived_at as scheduled_arrival_time
from (select tailnum, scheduled_departure_at, scheduled_departure_at as arrived_at from flights) f

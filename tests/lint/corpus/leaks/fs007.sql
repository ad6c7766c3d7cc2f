-- title: a trip's fare at its start
select driver_id, started_at, date_diff('minute', started_at, ended_at) as duration
from trips
-- keys: driver_id
-- event_timestamp: started_at
-- dialects: duckdb, snowflake

-- title: a delay on arrival at the scheduled departure
select tailnum, scheduled_departure_at, arrival_delay
from flights
-- keys: tailnum
-- event_timestamp: scheduled_departure_at

-- title: an arrival at the departure, renamed
with flown as (select * from flights)
select tailnum, departed_at as event_at, arrived_at as landed
from flown
-- keys: tailnum
-- event_timestamp: event_at

-- title: a session with a start and an end
select customer_id, start_time, date_diff('minute', start_time, end_time) as duration
from support_sessions
-- event_timestamp: start_time
-- dialects: duckdb, snowflake


-- title: the end itself
select customer_id, dbt_valid_from as known_at, tier, dbt_valid_to as ends
from customer_snapshot

-- title: whether it has an end
with flagged as (
    select customer_id, dbt_valid_from as known_at, case when dbt_valid_to is null then 1 else 0 end as is_current
    from customer_snapshot
)
select customer_id, known_at, is_current
from flagged

-- title: how long it lasted, up to today
select customer_id, dbt_valid_from as known_at, date_diff('day', dbt_valid_from, coalesce(dbt_valid_to, timestamp '2024-06-01')) as days
from customer_snapshot

-- title: by its name in an unknown table
select customer_id, known_at, dbt_is_deleted = 'True' as gone
from elsewhere

-- title: passed on by a star
-- keys: customer_id
-- event_timestamp: dbt_valid_from
-- features: tier, dbt_valid_to
select * from customer_snapshot

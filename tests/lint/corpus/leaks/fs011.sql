-- title: the start of a snapshot by timestamp
select product_id, dbt_valid_from as known_at, price
from price_snapshot

-- title: through CTEs and a cast
with rows as (select *, cast(dbt_valid_from as timestamp) as starts from price_snapshot)
select product_id, starts as known_at, price
from rows

-- title: the source's own column
select product_id, updated_at, price
from price_snapshot

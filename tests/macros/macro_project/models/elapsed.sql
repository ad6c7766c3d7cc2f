select
    event_id,
    {{ featurestore.recency('happened_at', join_keys='customer', unit='seconds') }} as since_last_s,
    {{ featurestore.recency('happened_at', join_keys=['region', 'customer']) }} as since_last_d,
    {{ featurestore.recency('happened_at', at='written_at', unit='minutes') }} as until_written_m,
    {{ featurestore.recency('happened_at', at="timestamp '2024-03-31 12:00:00Z'", unit='hours') }}
        as until_noon_h

from {{ source('raw', 'events') }}

select
    event_id,
    {{ featurestore.trailing_window('count(*)', 'customer', 'happened_at', '1 hour') }}
        as until_now,
    {{ featurestore.trailing_window('count(*)', 'customer', 'happened_at', '1 hour', exclusive=true) }}
        as before_now

from {{ source('raw', 'events') }}

where happened_at is not null

{{ featurestore.latest_per_entity(
    source('raw', 'events'), 'customer', 'happened_at', columns='event_id', order_by='event_id'
) }}

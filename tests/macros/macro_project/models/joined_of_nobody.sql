{{ featurestore.as_of_join(
    source('raw', 'spine'), source('raw', 'events'), [], 'happened_at', 'amount',
    order_by='event_id'
) }}

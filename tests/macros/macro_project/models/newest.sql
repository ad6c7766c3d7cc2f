{{ featurestore.latest_per_entity(
    source('raw', 'events'),
    join_keys=['region', 'customer'],
    event_timestamp='happened_at',
    created_timestamp='written_at',
    columns=['amount', 'note'],
) }}

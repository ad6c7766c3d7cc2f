{{ featurestore.latest_per_entity(
    source('raw', 'events'),
    join_keys=['region', 'customer'],
    event_timestamp='happened_at',
    columns=['amount', 'note'],
    valid_until='written_at',
    is_deleted='note',
    valid_at="timestamp '2024-04-07 11:30:00Z'",
) }}

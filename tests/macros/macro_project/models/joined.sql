{{ featurestore.as_of_join(
    source('raw', 'spine'),
    source('raw', 'events'),
    join_keys=['region', 'customer'],
    event_timestamp='happened_at',
    columns=['amount', 'note'],
    created_timestamp='written_at',
) }}

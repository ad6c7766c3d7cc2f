{{ featurestore.rolling_features(
    source('raw', 'events'),
    join_keys='customer',
    event_timestamp='happened_at',
    windows='1 hour',
    aggregates={'amount_sum': 'sum(amount)', 'event_count': 'count(*)'},
    columns=['amount', 'written_at'],
    order_by=['written_at nulls last', 'event_id'],
    exclusive=true,
) }}

{{ featurestore.rolling_features(
    ref('orders'),
    join_keys='customer_id',
    event_timestamp='ordered_at',
    windows=['1 hour', '30 days'],
    aggregates={'spent': 'sum(amount)', 'order_count': 'count(*)'},
) }}

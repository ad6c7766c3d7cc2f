{{ featurestore.rolling_features(
    source('raw', 'events'),
    join_keys=['region', 'customer'],
    event_timestamp='happened_at',
    windows=['1 hour', '7 days'],
    aggregates={
        'amount_sum': 'sum(amount)',
        'amount_max': {'expression': 'max(amount)', 'windows': '90 seconds'},
        'event_count': 'count(*)',
    },
    columns=['amount'],
) }}

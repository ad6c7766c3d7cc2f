{{ featurestore.rolling_features(
    source('raw', 'events'), [], 'happened_at', ['2 weeks'], {'event_count': 'count(*)'}
) }}

{{ featurestore.latest_per_entity(source('raw', 'events'), 'customer', 'happened_at') }}

{{ featurestore.latest_per_entity(ref('capitals'), 'CUSTOMER', 'Happened_At') }}

with

asked as (

    select spine_id, buyer, asked_at from {{ source('raw', 'spine') }}

),

joined as (

    {{ featurestore.as_of_join(
        'asked',
        source('raw', 'events'),
        join_keys={'customer': 'buyer'},
        event_timestamp='happened_at',
        columns={'amount': 'last_amount', 'happened_at': 'seen_at', 'customer': 'customer'},
        spine_timestamp='asked_at',
        available_after='5 minutes',
        ttl='1 hour',
    ) | indent(4) }}

)

select * from joined

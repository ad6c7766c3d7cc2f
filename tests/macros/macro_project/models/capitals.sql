select
    customer,
    happened_at,
    amount as {{ adapter.quote('Amount') }},
    event_id as {{ adapter.quote('order') }}

from {{ source('raw', 'events') }}

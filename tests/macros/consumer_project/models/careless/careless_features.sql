{{ config(tags='careless') }}

-- Customer 1 has two rows at one instant, customer 2 one in the future. The rows without a key or a
-- timestamp match nothing, so they are no duplicates.
with

orders (customer_id, ordered_at) as (

    values
        (1, timestamp '2024-05-01 10:00:00'),
        (1, timestamp '2024-05-01 10:00:00'),
        (2, timestamp '2999-01-01 00:00:00'),
        (null, timestamp '2024-05-01 10:00:00'),
        (null, timestamp '2024-05-01 10:00:00'),
        (3, null),
        (3, null)

)

select * from orders

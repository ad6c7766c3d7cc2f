with

orders (customer_id, ordered_at, amount) as (

    values
        (1, timestamp '2024-05-01 10:00:00', 10),
        (1, timestamp '2024-05-01 10:30:00', 20),
        (1, timestamp '2024-05-01 11:00:00', 40),
        (2, timestamp '2024-05-01 11:00:00', 80)

)

select * from orders

-- title: nothing holds the grain
-- grain: none
select customer_id, ordered_at, amount
from orders

-- title: something else is unique
-- grain: order_id
select customer_id, ordered_at, order_id, amount
from orders
-- features: amount

-- title: the label itself
-- label: order_features.churned
select customer_id, ordered_at, status = 'returned' as churned
from orders

-- title: the label under another name
-- label: order_features.churned
-- features: churn_flag
with judged as (select *, status = 'returned' as churned from orders)
select customer_id, ordered_at, churned, case when churned then 1 else 0 end as churn_flag
from judged

-- title: a column of the labels' own model
-- label: order_labels.is_fraud
select customer_id, ordered_at, is_fraud as looks_odd
from order_labels

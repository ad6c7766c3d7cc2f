-- title: self-join bounded in time
select
    o.customer_id,
    o.ordered_at,
    count(p.order_id) as earlier_orders,
    sum(p.amount) as earlier_amount
from orders o
left join orders p
    on p.customer_id = o.customer_id
    and p.ordered_at < o.ordered_at
    and p.ordered_at >= o.ordered_at - interval '30' day
group by o.customer_id, o.ordered_at

-- title: join of two event tables with between
-- dialects: duckdb, snowflake, postgres
select
    o.customer_id,
    o.ordered_at,
    count(v.url) as views_before
from orders o
left join page_views v
    on v.customer_id = o.customer_id
    and v.viewed_at between o.ordered_at - interval '1' hour and o.ordered_at
group by 1, 2

-- title: the bound stands in a condition of the aggregate
select
    o.customer_id,
    o.ordered_at,
    sum(case when p.paid_at <= o.ordered_at then p.amount else 0 end) as paid_before
from orders o
left join payments p on p.customer_id = o.customer_id
group by o.customer_id, o.ordered_at

-- title: the bound stands in WHERE
select o.customer_id, o.ordered_at, max(p.amount) as largest_payment
from orders o, payments p
where p.customer_id = o.customer_id and p.paid_at <= o.ordered_at
group by o.customer_id, o.ordered_at

-- title: asof join
-- dialects: duckdb
select o.customer_id, o.ordered_at, h.tier
from orders o
asof left join customer_history h
    on o.customer_id = h.customer_id and o.ordered_at >= h.valid_from

-- title: asof join as Snowflake writes it
-- dialect: snowflake
select o.customer_id, o.ordered_at, h.tier
from orders as o
asof join customer_history as h
    match_condition (o.ordered_at >= h.valid_from)
    on o.customer_id = h.customer_id

-- title: slowly changing dimension by its validity
select o.customer_id, o.ordered_at, h.tier
from orders o
left join customer_history h
    on h.customer_id = o.customer_id
    and h.valid_from <= o.ordered_at
    and o.ordered_at < coalesce(h.valid_to, cast('9999-12-31' as timestamp))

-- title: dimension that never changes
with o as (select * from orders), p as (select * from products)
select o.customer_id, o.ordered_at, o.amount / p.list_price as paid_share, p.category as last_category
from o
left join p on o.product_id = p.product_id

-- title: dimension of the entity itself
select o.customer_id, o.ordered_at, o.amount, c.country, c.birth_year
from orders o
join customers c using (customer_id)

-- title: correlated subquery bounded in time
select
    o.customer_id,
    o.ordered_at,
    (select count(*) from payments p where p.customer_id = o.customer_id and p.paid_at < o.ordered_at) as payments_before
from orders o

-- title: lateral join for the newest row before
-- dialects: duckdb, postgres
select o.customer_id, o.ordered_at, v.device as last_device
from orders o
left join lateral (
    select device
    from page_views p
    where p.customer_id = o.customer_id and p.viewed_at <= o.ordered_at
    order by p.viewed_at desc, p.device
    limit 1
) v on true

-- title: spine of days, and what had happened by then
with spine as (
    select customers.customer_id, days.day as as_of
    from customers cross join days
)
select s.customer_id, s.as_of, count(o.order_id) as orders_30d, sum(o.amount) as amount_30d
from spine s
left join orders o
    on o.customer_id = s.customer_id
    and o.ordered_at < s.as_of
    and o.ordered_at >= s.as_of - interval '30' day
group by s.customer_id, s.as_of

-- title: daily sums joined to a calendar by day, then rolled
-- dialects: duckdb, postgres
with daily as (
    select customer_id, date_trunc('day', ordered_at) + interval '1' day as as_of, sum(amount) as amount
    from orders
    group by 1, 2
),
filled as (
    select c.customer_id, d.day as as_of, coalesce(daily.amount, 0) as amount
    from customers c
    cross join days d
    left join daily on daily.customer_id = c.customer_id and daily.as_of = d.day
)
select
    customer_id,
    as_of,
    sum(amount) over (partition by customer_id order by as_of rows between 6 preceding and current row) as amount_7d
from filled

-- title: windows computed apart and joined back by the id of the event
with amounts as (
    select order_id, sum(amount) over (partition by customer_id order by ordered_at) as amount_so_far
    from orders
)
select o.customer_id, o.ordered_at, a.amount_so_far
from orders o
join amounts a on a.order_id = o.order_id

-- title: windows computed apart and joined back by key and instant
with visits as (
    select customer_id, ordered_at, count(*) as orders_at_once
    from orders
    group by customer_id, ordered_at
)
select v.customer_id, v.ordered_at, v.orders_at_once, sum(o.amount) as amount
from visits v
join orders o on o.customer_id = v.customer_id and o.ordered_at = v.ordered_at
group by 1, 2, 3

-- title: first order of a customer joined to every order
with first_orders as (
    select customer_id, channel, amount
    from orders
    qualify row_number() over (partition by customer_id order by ordered_at, order_id) = 1
)
select o.customer_id, o.ordered_at, f.channel as first_channel, f.amount as first_amount
from orders o
join first_orders f on f.customer_id = o.customer_id

-- title: first order, picked as Postgres does
-- dialect: postgres
with first_orders as (
    select distinct on (customer_id) customer_id, channel
    from orders
    order by customer_id, ordered_at, order_id
)
select o.customer_id, o.ordered_at, f.channel as first_channel
from orders o
join first_orders f on f.customer_id = o.customer_id

-- title: events of two kinds chained by time
with seen as (
    select o.customer_id, o.ordered_at, o.order_id, v.viewed_at
    from orders o
    join page_views v on v.customer_id = o.customer_id and v.viewed_at < o.ordered_at
)
select s.customer_id, s.ordered_at, count(p.payment_id) as payments_before_view
from seen s
left join payments p on p.customer_id = s.customer_id and p.paid_at < s.viewed_at
group by s.customer_id, s.ordered_at

-- title: a difference of instants is the bound
-- dialect: bigquery
select o.customer_id, o.ordered_at, count(v.url) as views_1h
from orders as o
left join page_views as v
    on v.customer_id = o.customer_id
    and timestamp_diff(o.ordered_at, v.viewed_at, second) between 0 and 3600
group by 1, 2

-- title: store of the order, a static dimension of an aggregate
select s.city, o.ordered_at, sum(o.amount) as amount_at_once, max(s.size_m2) as largest_store
from orders o
join stores s on s.store_id = o.store_id
group by s.city, o.ordered_at
-- keys: city

-- title: the days before by a difference without sign, later rows kept out
select o.customer_id, o.ordered_at, count(p.payment_id) as payments_before
from orders o
left join payments p
    on p.customer_id = o.customer_id
    and abs(extract(epoch from p.paid_at) - extract(epoch from o.ordered_at)) < 604800
    and p.paid_at <= o.ordered_at
group by o.customer_id, o.ordered_at

-- title: self-join without a time
select o.customer_id, o.ordered_at, count(p.order_id) as orders, sum(p.amount) as total
from orders o
left join orders p on p.customer_id = o.customer_id
group by o.customer_id, o.ordered_at

-- title: another event table without a time
select o.customer_id, o.ordered_at, count(v.url) as views
from orders o
left join page_views v on v.customer_id = o.customer_id
group by 1, 2

-- title: only the lower end is bounded
select o.customer_id, o.ordered_at, count(p.payment_id) as payments
from orders o
left join payments p
    on p.customer_id = o.customer_id and p.paid_at >= o.ordered_at
group by 1, 2

-- title: the bound lies in the days to come
select o.customer_id, o.ordered_at, sum(p.amount) as paid
from orders o
left join payments p
    on p.customer_id = o.customer_id and p.paid_at <= o.ordered_at + interval '7' day
group by 1, 2

-- title: between, on the wrong side
select o.customer_id, o.ordered_at, sum(p.amount) as paid
from orders o
left join payments p
    on p.customer_id = o.customer_id
    and p.paid_at between o.ordered_at and o.ordered_at + interval '30' day
group by 1, 2

-- title: an old comma join
select o.customer_id, o.ordered_at, max(p.amount) as largest
from orders o, payments p
where p.customer_id = o.customer_id
group by o.customer_id, o.ordered_at

-- title: through CTEs with stars
with o as (select * from orders), v as (select * from page_views where device = 'web'),
joined as (
    select o.customer_id, o.ordered_at, v.url
    from o left join v using (customer_id)
)
select customer_id, ordered_at, count(url) as web_views
from joined
group by 1, 2

-- title: the newest row of all on each row
with newest as (
    select * from orders
    qualify row_number() over (partition by customer_id order by ordered_at desc, order_id desc) = 1
)
select o.customer_id, o.ordered_at, n.status as last_status
from orders o
join newest n on n.customer_id = o.customer_id

-- title: a spine that is not compared with the events
with spine as (select c.customer_id, d.day as as_of from customers c cross join days d)
select s.customer_id, s.as_of, count(o.order_id) as orders_so_far
from spine s
left join orders o on o.customer_id = s.customer_id
group by 1, 2
-- event_timestamp: as_of

-- title: days before and after alike
select o.customer_id, o.ordered_at, count(p.payment_id) as payments_around
from orders o
left join payments p
    on p.customer_id = o.customer_id
    and abs(extract(epoch from p.paid_at) - extract(epoch from o.ordered_at)) < 604800
group by o.customer_id, o.ordered_at

-- title: an asof join that looks ahead
-- dialects: duckdb
select o.customer_id, o.ordered_at, v.url as next_url
from orders o
asof left join page_views v on v.customer_id = o.customer_id and o.ordered_at <= v.viewed_at

-- title: an asof join that looks ahead as Snowflake writes it
-- dialect: snowflake
select o.customer_id, o.ordered_at, v.url as next_url
from orders as o
asof join page_views as v
    match_condition (o.ordered_at <= v.viewed_at)
    on o.customer_id = v.customer_id

-- title: rows joined by a tenant and a key, then counted
select l.lead_id, l.created_at, count(s.sent_at) as sends
from leads l
left join sends s on s.tenant_id = l.tenant_id and s.lead_id = l.lead_id
group by 1, 2

-- title: rows joined by a tenant and a key with USING
select lead_id, l.created_at, count(s.sent_at) as sends
from leads l
left join sends s using (tenant_id, lead_id)
group by lead_id, l.created_at

-- title: a country beside the key
select l.lead_id, l.created_at, max(s.sent_at) as last_sent
from leads l
left join sends s on l.lead_id = s.lead_id and l.channel = s.channel
group by l.lead_id, l.created_at

-- title: events with a date that has no type
with shipped as (select *, date_trunc('week', shipped_date) as week from shipments)
select l.lead_id, l.created_at, sum(s.weight) as weight
from leads l
left join shipped s on s.tenant_id = l.tenant_id and s.lead_id = l.lead_id
group by l.lead_id, l.created_at

-- title: the latest version of a history on old days
with ads as (
    select
        *,
        row_number() over (partition by ad_id order by updated_at desc, channel) = 1 as is_most_recent_record
    from ad_history
),
latest as (select * from ads where is_most_recent_record)
select d.ad_id, d.reported_at, d.clicks, a.channel
from ad_days d
left join latest a on a.ad_id = d.ad_id and a.tenant_id = d.tenant_id
-- features: channel
-- dialects: duckdb, snowflake, bigquery, postgres

-- title: the version of a history that is still valid
select o.customer_id, o.ordered_at, h.tier
from orders o
left join customer_history h on h.customer_id = o.customer_id and h.valid_to is null

-- title: the opens of a send on its own row
select s.lead_id, s.sent_at, count(o.opened_at) as opens
from sends s
left join opens o on o.send_id = s.send_id
group by s.send_id, s.lead_id, s.sent_at


-- title: the current version of a history on each of its versions
-- event_timestamp: valid_from
with now as (select customer_id, tier from customer_history where valid_to is null)
select h.customer_id, h.valid_from, n.tier as current_tier
from customer_history h
join now n on n.customer_id = h.customer_id

-- title: a condition of an outer join keeps the old versions
-- event_timestamp: valid_from
with now as (select customer_id, tier from customer_history where valid_to is null)
select h.customer_id, h.valid_from, n.tier as current_tier
from customer_history h
left join now n on n.customer_id = h.customer_id and h.valid_to is null

-- title: the current row of a history with all page views of its customer
-- event_timestamp: valid_from
select h.customer_id, h.valid_from, count(v.url) as views
from customer_history h
left join page_views v on v.customer_id = h.customer_id
where h.valid_to is null
group by 1, 2

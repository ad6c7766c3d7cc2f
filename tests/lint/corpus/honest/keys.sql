-- title: a tenant beside the key, bounded in time
select l.lead_id, l.created_at, count(s.sent_at) as sends_before
from leads l
left join sends s
    on s.tenant_id = l.tenant_id and s.lead_id = l.lead_id and s.sent_at <= l.created_at
group by 1, 2

-- title: a tenant in USING, and a dimension of its own
select lead_id, created_at, country
from leads
join tenants using (tenant_id)

-- title: a dimension with the date of a birth, which is no event
select l.lead_id, l.created_at, cast(t.birth_date as date) as birth_date, count(*) as leads
from leads l
left join tenants t on t.tenant_id = l.tenant_id
group by 1, 2, 3

-- title: the same instant in USING
with days_before as (
    select customer_id, ordered_at, count(*) as orders
    from orders
    group by customer_id, ordered_at
)
select customer_id, ordered_at, d.orders, max(o.amount) as amount
from orders o
join days_before d using (customer_id, ordered_at)
group by 1, 2, 3

-- title: lines of an order, counted by its id
with lines as (select order_id, count(*) as lines, sum(amount) as amount from order_lines group by 1)
select o.customer_id, o.ordered_at, l.lines, l.amount
from orders o
left join lines l on l.order_id = o.order_id
-- replayed: no

-- title: lines of an order, joined and counted
select o.customer_id, o.ordered_at, count(l.product_id) as lines
from orders o
left join order_lines l on l.order_id = o.order_id
group by o.order_id, o.customer_id, o.ordered_at
-- replayed: no

-- title: the send of an open, by its id
select o.lead_id, o.opened_at, s.channel
from opens o
join sends s on s.send_id = o.send_id and s.sent_at <= o.opened_at

-- title: the send of an open, an event before it
select o.lead_id, o.opened_at, s.channel, count(*) as opens_at_once
from opens o
join sends s on s.send_id = o.send_id
group by 1, 2, 3
-- replayed: no

-- title: the version that was valid at the event
select o.customer_id, o.ordered_at, h.tier
from orders o
left join customer_history h
    on h.customer_id = o.customer_id
    and h.valid_from <= o.ordered_at
    and (h.valid_to is null or h.valid_to > o.ordered_at)

-- title: all versions are rows of their own
select customer_id, valid_from, tier, 1 as versions
from customer_history
where not valid_to is null or valid_to is null
-- event_timestamp: valid_from
-- features: tier
-- replayed: no

-- title: the first send of a lead, by tenant
with firsts as (
    select *
    from sends
    qualify row_number() over (partition by tenant_id, lead_id order by sent_at, send_id) = 1
)
select o.lead_id, o.opened_at, f.channel as first_channel
from opens o
join firsts f on f.tenant_id = o.tenant_id and f.lead_id = o.lead_id and f.sent_at <= o.opened_at

-- title: a row of another order of columns in a UNION
-- event_timestamp: happened_at
select customer_id, ordered_at as happened_at, amount from orders
union all
select customer_id, paid_at, amount from payments

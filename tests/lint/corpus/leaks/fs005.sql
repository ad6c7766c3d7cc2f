-- title: everything under the first instant
select customer_id, min(ordered_at) as first_ordered_at, count(*) as orders, sum(amount) as amount
from orders
group by customer_id
-- event_timestamp: first_ordered_at

-- title: everything under the first instant, through CTEs
with stats as (
    select customer_id, min(ordered_at) as started, avg(amount) as amount_avg
    from orders
    group by customer_id
),
final as (select * from stats)
select customer_id, cast(started as timestamp) as since, amount_avg from final
-- event_timestamp: since

-- title: a total joined back to each row
with totals as (select customer_id, sum(amount) as total from orders group by customer_id)
select o.customer_id, o.ordered_at, o.amount / t.total as share
from orders o
join totals t on t.customer_id = o.customer_id

-- title: a total of another table joined back
with paid as (select customer_id, count(*) as payments from payments group by 1)
select o.customer_id, o.ordered_at, p.payments
from orders o
left join paid p using (customer_id)

-- title: a mean of all, by scalar subquery
select station_id, measured_at, temperature - (select avg(temperature) from readings) as anomaly
from readings

-- title: a correlated count without a time
select
    o.customer_id,
    o.ordered_at,
    (select count(*) from payments p where p.customer_id = o.customer_id) as payments
from orders o

-- title: a mean of all, by cross join
select r.station_id, r.measured_at, r.temperature - m.mean as anomaly
from readings r
cross join (select avg(temperature) as mean from readings) m

-- title: the maximum of all in a window of maxima
with peaks as (select customer_id, max(amount) as peak from orders group by customer_id),
joined as (select o.*, p.peak from orders o left join peaks p on p.customer_id = o.customer_id)
select customer_id, ordered_at, amount >= peak as is_peak from joined

-- title: a total by tenant and key
with totals as (select tenant_id, lead_id, count(*) as sends from sends group by 1, 2)
select l.lead_id, l.created_at, t.sends
from leads l
left join totals t on l.tenant_id = t.tenant_id and l.lead_id = t.lead_id

-- title: a total by tenant and key with USING
select lead_id, l.created_at, t.sends
from leads l
left join (select tenant_id, lead_id, count(*) as sends from sends group by tenant_id, lead_id) t
    using (tenant_id, lead_id)

-- title: a total of events with a date that has no type
with totals as (
    select lead_id, count(*) as shipments, max(shipped_date) as last_shipped
    from shipments
    group by lead_id
)
select l.lead_id, l.created_at, t.shipments
from leads l
left join totals t on t.lead_id = l.lead_id

-- title: a total of events whose date is cast
with typed as (select lead_id, weight, cast(shipped_date as timestamp) as shipped from shipments),
totals as (select lead_id, sum(weight) as weight from typed group by lead_id)
select l.lead_id, l.created_at, t.weight
from leads l
left join totals t on t.lead_id = l.lead_id

-- title: the total of a product that is not the entity
with sold as (select product_id, sum(amount) as amount from orders group by product_id)
select o.customer_id, o.ordered_at, s.amount as product_amount
from orders o
join sold s on s.product_id = o.product_id

-- title: a total by a key that a dimension makes unique
with totals as (
    select c.customer_id, count(o.order_id) as orders
    from customers c
    left join orders o on o.customer_id = c.customer_id
    group by 1
)
select o.customer_id, o.ordered_at, t.orders
from orders o
join totals t on t.customer_id = o.customer_id

-- title: opens of a send, counted by its id, on its own row
with opened as (select send_id, count(*) as opens from opens group by send_id)
select s.lead_id, s.sent_at, o.opens
from sends s
left join opened o on o.send_id = s.send_id

-- title: a measure beside an attribute
-- event_timestamp: first_ordered_at
select
    o.customer_id,
    min(o.ordered_at) as first_ordered_at,
    max(c.country) as country,
    max(o.amount) as largest
from orders o
join customers c on c.customer_id = o.customer_id
group by o.customer_id

-- title: the last instant of an event under the first
-- event_timestamp: first_visited_at
select visitor_id, min(visited_at) as first_visited_at, max(visited_at) as last_visited
from visits
group by visitor_id

-- title: what differs from event to event is not an attribute
-- replayed: no
-- event_timestamp: first_visited_at
select visitor_id, min(visited_at) as first_visited_at, max(device) as device
from visits
group by visitor_id

-- title: a country that is the last one is not an attribute
-- event_timestamp: first_visited_at
-- dialects: duckdb
select visitor_id, min(visited_at) as first_visited_at, max_by(device, visited_at) as country
from visits
group by visitor_id

-- title: a dimension of another thing than the group
-- replayed: no
-- event_timestamp: first_ordered_at
select o.customer_id, min(o.ordered_at) as first_ordered_at, max(p.list_price) as dearest
from orders o
join products p on p.product_id = o.product_id
group by o.customer_id

-- title: totals of a history on a current row of another key
-- replayed: no
-- event_timestamp: valid_from
with versions as (select tier, count(*) as versions from customer_history group by 1)
select h.customer_id, h.valid_from, v.versions
from customer_history h
join versions v on v.tier = h.tier
where h.valid_to is null

-- title: totals of versions on every version
-- event_timestamp: valid_from
with versions as (select customer_id, count(*) as versions from customer_history group by 1),
joined as (
    select h.*
    from customer_history h
    left join customer_history n on n.customer_id = h.customer_id and n.valid_to is null
)
select b.customer_id, b.valid_from, v.versions
from joined b
join versions v using (customer_id)

-- title: totals of orders on the current row of a history
-- event_timestamp: valid_from
with totals as (select customer_id, sum(amount) as amount from orders group by 1)
select h.customer_id, h.valid_from, t.amount
from customer_history h
join totals t on t.customer_id = h.customer_id
where h.valid_to is null

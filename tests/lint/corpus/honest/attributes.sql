-- title: attributes of a dimension, carried through GROUP BY
-- event_timestamp: first_ordered_at
select
    o.customer_id,
    min(o.ordered_at) as first_ordered_at,
    max(c.country) as country,
    max(c.birth_year) as born
from orders o
left join customers c on c.customer_id = o.customer_id
group by o.customer_id

-- title: attributes of a dimension, through CTEs with stars and USING
-- event_timestamp: since
with o as (select * from orders), people as (select customer_id, birth_year as born from customers),
stats as (
    select customer_id as who, min(o.ordered_at) as since, max(p.born) as born
    from o
    join people p using (customer_id)
    group by who
)
select who, since, born from stats

-- title: an attribute that a dimension of customers takes from a joined one
with people as (
    select o.customer_id, max(c.birth_year) as born, min(o.channel) as any_channel
    from orders o
    join customers c on c.customer_id = o.customer_id
    group by 1
)
select o.customer_id, o.ordered_at, p.born
from orders o
join people p on p.customer_id = o.customer_id

-- title: attributes that each event repeats
-- event_timestamp: first_visited_at
select
    visitor_id,
    min(visited_at) as first_visited_at,
    max(country) as country,
    max(tenant_id) as tenant_id,
    max(lower(gender)) as sex
from visits
group by visitor_id

-- title: attributes that each event repeats, joined back to each event
with visitors as (
    select visitor_id, max(country) as country, max(tenant_id) as tenant_id
    from visits
    group by visitor_id
)
select v.visitor_id, v.visited_at, w.country, w.tenant_id
from visits v
join visitors w on w.visitor_id = v.visitor_id

-- title: the key itself, picked again
-- event_timestamp: first_ordered_at
select customer_id, min(ordered_at) as first_ordered_at, max(customer_id) as same_id
from orders
group by customer_id

-- title: the current row of a history, with its own current values
-- event_timestamp: valid_from
with now as (select customer_id, tier from customer_history where valid_to is null)
select h.customer_id, h.valid_from, n.tier
from customer_history h
join now n on n.customer_id = h.customer_id
where h.valid_to is null

-- title: the current row of a history, with the number of its versions
-- event_timestamp: valid_from
with versions as (select customer_id, count(*) as versions from customer_history group by 1),
now as (select * from customer_history where valid_to is null)
select n.customer_id, n.valid_from, n.tier, v.versions
from now n
left join versions v using (customer_id)

-- title: the current row of a history, joined to its versions and counted
-- event_timestamp: valid_from
select n.customer_id, n.valid_from, count(h.tier) as versions, min(h.tier) as lowest
from customer_history n
join customer_history h on h.customer_id = n.customer_id
where n.valid_to is null
group by 1, 2

-- title: the current row of a snapshot, with its own current values
-- event_timestamp: dbt_valid_from
with now as (select * from customer_snapshot where dbt_valid_to is null)
select a.customer_id, a.dbt_valid_from, b.tier
from now a
join now b on b.customer_id = a.customer_id

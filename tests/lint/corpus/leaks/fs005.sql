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

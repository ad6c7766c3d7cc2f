/* plane_features: the newest row of each entity, known by then and not expired */
SELECT
  tailnum,
  carrier,
  "at",
  loaded_at,
  seats,
  name,
  delay,
  "Order No"
FROM (
  SELECT
    history.tailnum,
    history.carrier,
    history."at",
    history.loaded_at,
    history.seats,
    history.name,
    history.delay,
    history."Order No",
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum, history.carrier
      ORDER BY history."at" DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, isNaN(history.delay) DESC, history.delay DESC, history."Order No" DESC
    ) AS _rank
  FROM "shop"."marts"."plane_features" AS history
  WHERE
    (
      NOT (
        history.tailnum IS NULL
      )
      AND NOT (
        history.carrier IS NULL
      )
      AND history."at" <= (
        toDateTime64('2024-03-01 12:00:00.000000', 6, 'UTC') - INTERVAL '90' MINUTE
      )
    )
    AND history."at" >= (
      toDateTime64('2024-03-01 12:00:00.000000', 6, 'UTC') - INTERVAL '2592000005' MILLISECOND
    )
) AS ranked
WHERE
  _rank = 1

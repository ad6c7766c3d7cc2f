WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum AS tailnum,
    history.carrier AS carrier,
    MAX(history."at") AS _event_timestamp
  FROM "shop"."marts"."plane_features" AS history
  WHERE
    NOT (
      history.tailnum IS NULL
    )
    AND NOT (
      history.carrier IS NULL
    )
    AND history."at" <= toDateTime64('2024-03-01 10:30:00.000000', 6, 'UTC')
    AND history."at" >= toDateTime64('2024-01-31 11:59:59.995000', 6, 'UTC')
    AND (
      history."at" >= toDateTime64('2024-02-28 10:30:00.000000', 6, 'UTC')
      OR history.loaded_at >= toDateTime64('2024-02-28 12:00:00.000000', 6, 'UTC')
      OR history.loaded_at IS NULL
    )
  GROUP BY
    history.tailnum,
    history.carrier
)
/* plane_features: the row at that instant, ties decided */
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
    history.tailnum AS tailnum,
    history.carrier AS carrier,
    history."at" AS "at",
    history.loaded_at AS loaded_at,
    history.seats AS seats,
    history.name AS name,
    history.delay AS delay,
    history."Order No" AS "Order No",
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum, history.carrier
      ORDER BY history.loaded_at DESC, history.seats DESC, history.name DESC, isNaN(history.delay) DESC, history.delay DESC, history."Order No" DESC
    ) AS _rank
  FROM "shop"."marts"."plane_features" AS history
  JOIN newest
    ON newest.tailnum = history.tailnum
    AND newest.carrier = history.carrier
    AND newest._event_timestamp = history."at"
  WHERE
    history."at" <= toDateTime64('2024-03-01 10:30:00.000000', 6, 'UTC')
    AND history."at" >= toDateTime64('2024-01-31 11:59:59.995000', 6, 'UTC')
) AS ranked
WHERE
  _rank = 1

WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum,
    history.carrier,
    MAX(history."at") AS _event_timestamp
  FROM "shop"."marts"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND NOT history.carrier IS NULL
    AND history."at" <= CAST('2024-03-01 10:30:00.000000+00:00' AS TIMESTAMPTZ)
    AND history."at" >= CAST('2024-01-31 11:59:59.995000+00:00' AS TIMESTAMPTZ)
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
      ORDER BY history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
    ) AS _rank
  FROM newest
  JOIN "shop"."marts"."plane_features" AS history
    ON newest.tailnum = history.tailnum
    AND newest.carrier = history.carrier
    AND newest._event_timestamp = history."at"
  WHERE
    history."at" <= CAST('2024-03-01 10:30:00.000000+00:00' AS TIMESTAMPTZ)
    AND history."at" >= CAST('2024-01-31 11:59:59.995000+00:00' AS TIMESTAMPTZ)
) AS ranked
WHERE
  _rank = 1

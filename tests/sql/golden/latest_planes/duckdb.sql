-- The newest row of each entity at one moment, for the online store.
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)
    AND history.observed_at >= CAST('2024-01-31 12:00:00.000000' AS TIMESTAMP)
  GROUP BY
    history.tailnum
)
/* plane_features: the row at that instant, ties decided */
SELECT
  tailnum,
  observed_at,
  loaded_at,
  delay,
  seats
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.loaded_at,
    history.delay,
    history.seats,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
    ) AS _rank
  FROM newest
  JOIN "warehouse"."main"."plane_features" AS history
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)
    AND history.observed_at >= CAST('2024-01-31 12:00:00.000000' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1;

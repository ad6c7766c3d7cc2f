-- Rows written after the entity row's instant are left out.
WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    origin,
    dest,
    departed_at,
    event_timestamp,
    CAST(event_timestamp AS TIMESTAMP) AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    _instant
  FROM spine
  WHERE
    NOT tailnum IS NULL AND NOT _instant IS NULL
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    tailnum,
    _instant,
    _event_timestamp,
    delay
  FROM (
    SELECT
      asked.tailnum,
      asked._instant,
      history.observed_at AS _event_timestamp,
      history.delay,
      ROW_NUMBER() OVER (
        PARTITION BY asked.tailnum, asked._instant
        ORDER BY history.observed_at DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM plane_features_asked AS asked
    JOIN "warehouse"."main"."plane_features" AS history
      ON asked.tailnum = history.tailnum
      AND history.observed_at <= asked._instant
      AND history.observed_at >= (
        asked._instant - INTERVAL '30' DAY
      )
      AND (
        history.loaded_at <= asked._instant OR history.loaded_at IS NULL
      )
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum,
  spine.origin,
  spine.dest,
  spine.departed_at,
  spine.event_timestamp,
  plane_features.delay
FROM spine
LEFT JOIN plane_features
  ON spine.tailnum = plane_features.tailnum
  AND spine._instant = plane_features._instant;

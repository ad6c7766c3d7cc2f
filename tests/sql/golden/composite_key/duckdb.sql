-- The window form of a composite key, by request.
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
), route_features_asked AS (
  /* route_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    origin,
    dest,
    _instant
  FROM spine
  WHERE
    NOT origin IS NULL AND NOT dest IS NULL AND NOT _instant IS NULL
), route_features AS (
  /* route_features: the newest row known by then */
  SELECT
    origin,
    dest,
    _instant,
    _event_timestamp,
    flights
  FROM (
    SELECT
      asked.origin,
      asked.dest,
      asked._instant,
      history.day AS _event_timestamp,
      history.flights,
      ROW_NUMBER() OVER (
        PARTITION BY asked.origin, asked.dest, asked._instant
        ORDER BY history.day DESC NULLS LAST, history.flights DESC NULLS LAST
      ) AS _rank
    FROM route_features_asked AS asked
    JOIN "warehouse"."main"."route_features" AS history
      ON asked.origin = history.origin
      AND asked.dest = history.dest
      AND CAST(history.day AS TIMESTAMP) <= asked._instant
      AND CAST(history.day AS TIMESTAMP) >= (
        asked._instant - INTERVAL '7' DAY
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
  route_features.flights
FROM spine
LEFT JOIN route_features
  ON spine.origin = route_features.origin
  AND spine.dest = route_features.dest
  AND spine._instant = route_features._instant;

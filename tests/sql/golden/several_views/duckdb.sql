-- Two views with full names and timestamps, for the numbered rows of a data frame.
WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    origin,
    dest,
    departed_at,
    event_timestamp,
    _row,
    CAST(event_timestamp AS TIMESTAMP) AS _instant
  FROM entity_df
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    _instant
  FROM spine
  WHERE
    NOT tailnum IS NULL AND NOT _instant IS NULL
), plane_features_newest AS (
  /* plane_features: the newest instant known by then */
  SELECT
    asked.tailnum,
    asked._instant,
    history.observed_at AS _event_timestamp
  FROM plane_features_asked AS asked
  ASOF JOIN "warehouse"."main"."plane_features" AS history
    ON asked.tailnum = history.tailnum AND asked._instant >= history.observed_at
  WHERE
    history.observed_at >= (
      asked._instant - INTERVAL '30' DAY
    )
), plane_features AS (
  /* plane_features: the row at that instant, ties decided */
  SELECT
    tailnum,
    _instant,
    _event_timestamp,
    delay,
    seats
  FROM (
    SELECT
      newest.tailnum,
      newest._instant,
      newest._event_timestamp,
      history.delay,
      history.seats,
      ROW_NUMBER() OVER (
        PARTITION BY newest.tailnum, newest._instant
        ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM plane_features_newest AS newest
    JOIN "warehouse"."main"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.observed_at
  ) AS ranked
  WHERE
    _rank = 1
), route_features_asked AS (
  /* route_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    origin,
    dest,
    _instant
  FROM spine
  WHERE
    NOT origin IS NULL AND NOT dest IS NULL AND NOT _instant IS NULL
), route_features_newest AS (
  /* route_features: the newest instant known by then */
  SELECT
    asked.origin,
    asked.dest,
    asked._instant,
    history.day AS _event_timestamp
  FROM route_features_asked AS asked
  ASOF JOIN "warehouse"."main"."route_features" AS history
    ON asked.origin = history.origin
    AND asked.dest = history.dest
    AND asked._instant >= CAST(history.day AS TIMESTAMP)
  WHERE
    CAST(history.day AS TIMESTAMP) >= (
      asked._instant - INTERVAL '7' DAY
    )
), route_features AS (
  /* route_features: the row at that instant, ties decided */
  SELECT
    origin,
    dest,
    _instant,
    _event_timestamp,
    flights
  FROM (
    SELECT
      newest.origin,
      newest.dest,
      newest._instant,
      newest._event_timestamp,
      history.flights,
      ROW_NUMBER() OVER (
        PARTITION BY newest.origin, newest.dest, newest._instant
        ORDER BY history.flights DESC NULLS LAST
      ) AS _rank
    FROM route_features_newest AS newest
    JOIN "warehouse"."main"."route_features" AS history
      ON newest.origin = history.origin
      AND newest.dest = history.dest
      AND newest._event_timestamp = history.day
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
  plane_features.delay AS plane_features__delay,
  plane_features.seats AS plane_features__seats,
  plane_features._event_timestamp AS plane_features__event_timestamp,
  route_features.flights AS route_features__flights,
  route_features._event_timestamp AS route_features__event_timestamp
FROM spine
LEFT JOIN plane_features
  ON spine.tailnum = plane_features.tailnum
  AND spine._instant = plane_features._instant
LEFT JOIN route_features
  ON spine.origin = route_features.origin
  AND spine.dest = route_features.dest
  AND spine._instant = route_features._instant
ORDER BY
  spine._row;

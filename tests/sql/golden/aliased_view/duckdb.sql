-- One view at two ends of a route, known after a delay, for a query with zoned instants.
WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    origin,
    dest,
    departed_at,
    event_timestamp,
    CAST(departed_at AT TIME ZONE 'UTC' AS TIMESTAMP) AS _instant
  FROM (
    SELECT
      *
    FROM flights
    WHERE
      NOT origin IS NULL
  ) AS entity_rows
), here_asked AS (
  /* here: the distinct keys and instants to look up */
  SELECT DISTINCT
    spine.origin AS airport,
    spine._instant
  FROM spine
  WHERE
    NOT spine.origin IS NULL AND NOT spine._instant IS NULL
), here_newest AS (
  /* here: the newest instant known by then */
  SELECT
    asked.airport,
    asked._instant,
    history."Observed At" AS _event_timestamp
  FROM here_asked AS asked
  ASOF JOIN "warehouse"."main"."weather_features" AS history
    ON asked.airport = history.airport
    AND (
      asked._instant - INTERVAL '90' MINUTE
    ) >= history."Observed At" AT TIME ZONE 'UTC'
), here AS (
  /* here: the row at that instant, ties decided */
  SELECT
    airport,
    _instant,
    _event_timestamp,
    wind,
    "order"
  FROM (
    SELECT
      newest.airport,
      newest._instant,
      newest._event_timestamp,
      history.wind,
      history."order",
      ROW_NUMBER() OVER (
        PARTITION BY newest.airport, newest._instant
        ORDER BY history.wind DESC NULLS LAST, history."order" DESC NULLS LAST
      ) AS _rank
    FROM here_newest AS newest
    JOIN "warehouse"."main"."weather_features" AS history
      ON newest.airport = history.airport
      AND newest._event_timestamp = history."Observed At"
  ) AS ranked
  WHERE
    _rank = 1
), there_asked AS (
  /* there: the distinct keys and instants to look up */
  SELECT DISTINCT
    spine.dest AS airport,
    spine._instant
  FROM spine
  WHERE
    NOT spine.dest IS NULL AND NOT spine._instant IS NULL
), there_newest AS (
  /* there: the newest instant known by then */
  SELECT
    asked.airport,
    asked._instant,
    history."Observed At" AS _event_timestamp
  FROM there_asked AS asked
  ASOF JOIN "warehouse"."main"."weather_features" AS history
    ON asked.airport = history.airport
    AND (
      asked._instant - INTERVAL '90' MINUTE
    ) >= history."Observed At" AT TIME ZONE 'UTC'
), there AS (
  /* there: the row at that instant, ties decided */
  SELECT
    airport,
    _instant,
    _event_timestamp,
    wind,
    "order"
  FROM (
    SELECT
      newest.airport,
      newest._instant,
      newest._event_timestamp,
      history.wind,
      history."order",
      ROW_NUMBER() OVER (
        PARTITION BY newest.airport, newest._instant
        ORDER BY history.wind DESC NULLS LAST, history."order" DESC NULLS LAST
      ) AS _rank
    FROM there_newest AS newest
    JOIN "warehouse"."main"."weather_features" AS history
      ON newest.airport = history.airport
      AND newest._event_timestamp = history."Observed At"
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
  here.wind AS here__wind,
  here."order" AS here__order,
  there.wind AS there__wind,
  there."order" AS there__order
FROM spine
LEFT JOIN here
  ON spine.origin = here.airport AND spine._instant = here._instant
LEFT JOIN there
  ON spine.dest = there.airport AND spine._instant = there._instant;

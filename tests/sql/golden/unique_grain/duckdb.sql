WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tail,
    carrier,
    departed_at,
    CAST(departed_at AT TIME ZONE 'UTC' AS TIMESTAMP) AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    spine.tail AS tailnum,
    spine.carrier,
    spine._instant
  FROM spine
  WHERE
    NOT spine.tail IS NULL
    AND NOT spine.carrier IS NULL
    AND NOT spine._instant IS NULL
), plane_features AS (
  /* plane_features: the newest row known by then; its table has no ties */
  SELECT
    asked.tailnum,
    asked.carrier,
    asked._instant,
    history."at" AS _event_timestamp,
    history.seats,
    history."Order No"
  FROM plane_features_asked AS asked
  ASOF JOIN "shop"."marts"."plane_features" AS history
    ON asked.tailnum = history.tailnum
    AND asked.carrier = history.carrier
    AND (
      asked._instant - INTERVAL '90' MINUTE
    ) >= history."at" AT TIME ZONE 'UTC'
  WHERE
    history."at" AT TIME ZONE 'UTC' >= (
      asked._instant - INTERVAL '2592000005' MILLISECOND
    )
), weather_asked AS (
  /* weather: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT _instant IS NULL
), weather AS (
  /* weather: the newest row known by then; its table has no ties */
  SELECT
    asked._instant,
    history."date" AS _event_timestamp,
    history.wind
  FROM weather_asked AS asked
  ASOF JOIN "shop"."marts"."weather_features" AS history
    ON asked._instant >= CAST(history."date" AS TIMESTAMP)
)
/* the training set: every entity row exactly once */
SELECT
  spine.tail,
  spine.carrier,
  spine.departed_at,
  plane_features.seats,
  plane_features."Order No",
  plane_features._event_timestamp AS plane_features__event_timestamp,
  weather.wind,
  weather._event_timestamp AS weather__event_timestamp
FROM spine
LEFT JOIN plane_features
  ON spine.tail = plane_features.tailnum
  AND spine.carrier = plane_features.carrier
  AND spine._instant = plane_features._instant
LEFT JOIN weather
  ON spine._instant = weather._instant

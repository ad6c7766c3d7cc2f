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
), plane_features_periods AS (
  /* plane_features: each row, and the instant at which another replaces it */
  SELECT
    history.tailnum,
    history.carrier,
    history."at" AS _event_timestamp,
    history."at" AT TIME ZONE 'UTC' AS _known,
    LAG(history."at" AT TIME ZONE 'UTC') OVER (
      PARTITION BY history.tailnum, history.carrier
      ORDER BY history."at" DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name COLLATE "C" DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
    ) AS _until,
    history.seats,
    history."Order No"
  FROM "shop"."marts"."plane_features" AS history
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    asked.tailnum,
    asked.carrier,
    asked._instant,
    periods._event_timestamp,
    periods.seats,
    periods."Order No"
  FROM plane_features_asked AS asked
  JOIN plane_features_periods AS periods
    ON asked.tailnum = periods.tailnum
    AND asked.carrier = periods.carrier
    AND periods._known <= (
      asked._instant - INTERVAL '90 MINUTE'
    )
    AND (
      periods._until IS NULL
      OR periods._until > (
        asked._instant - INTERVAL '90 MINUTE'
      )
    )
    AND periods._event_timestamp AT TIME ZONE 'UTC' >= (
      asked._instant - INTERVAL '2592000005 MILLISECOND'
    )
), weather_asked AS (
  /* weather: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT _instant IS NULL
), weather_periods AS (
  /* weather: each row, and the instant at which another replaces it */
  SELECT
    history."date" AS _event_timestamp,
    CAST(history."date" AS TIMESTAMP) AS _known,
    LAG(CAST(history."date" AS TIMESTAMP)) OVER (ORDER BY history."date" DESC NULLS LAST, history.wind DESC NULLS LAST) AS _until,
    history.wind
  FROM "shop"."marts"."weather_features" AS history
), weather AS (
  /* weather: the newest row known by then */
  SELECT
    asked._instant,
    periods._event_timestamp,
    periods.wind
  FROM weather_asked AS asked
  JOIN weather_periods AS periods
    ON periods._known <= asked._instant
    AND (
      periods._until IS NULL OR periods._until > asked._instant
    )
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

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
  /* plane_features: the newest row known by then, ties decided */
  SELECT DISTINCT ON (asked.tailnum, asked.carrier, asked._instant)
    asked.tailnum,
    asked.carrier,
    asked._instant,
    newest._event_timestamp,
    newest.seats,
    newest."Order No"
  FROM plane_features_asked AS asked
  CROSS JOIN LATERAL (
    SELECT
      history."at" AS _event_timestamp,
      history.seats,
      history."Order No",
      history.loaded_at,
      history.name,
      history.delay
    FROM "shop"."marts"."plane_features" AS history
    WHERE
      asked.tailnum = history.tailnum
      AND asked.carrier = history.carrier
      AND history."at" <= (
        asked._instant - INTERVAL '90 MINUTE'
      ) AT TIME ZONE 'UTC'
      AND history."at" >= (
        asked._instant - INTERVAL '2592000005 MILLISECOND'
      ) AT TIME ZONE 'UTC'
    ORDER BY
      history."at" DESC
    FETCH FIRST 1 ROWS WITH TIES
  ) AS newest
  ORDER BY
    asked.tailnum,
    asked.carrier,
    asked._instant,
    newest.loaded_at DESC NULLS LAST,
    newest.seats DESC NULLS LAST,
    newest.name COLLATE "C" DESC NULLS LAST,
    newest.delay DESC NULLS LAST,
    newest."Order No" DESC NULLS LAST
), weather_asked AS (
  /* weather: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT _instant IS NULL
), weather AS (
  /* weather: the newest row known by then, ties decided */
  SELECT DISTINCT ON (asked._instant)
    asked._instant,
    newest._event_timestamp,
    newest.wind
  FROM weather_asked AS asked
  CROSS JOIN LATERAL (
    SELECT
      history."date" AS _event_timestamp,
      history.wind
    FROM "shop"."marts"."weather_features" AS history
    WHERE
      history."date" <= asked._instant
    ORDER BY
      history."date" DESC
    FETCH FIRST 1 ROWS WITH TIES
  ) AS newest
  ORDER BY
    asked._instant,
    newest.wind DESC NULLS LAST
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

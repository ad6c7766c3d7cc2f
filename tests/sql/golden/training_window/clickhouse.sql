WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tail,
    carrier,
    departed_at,
    toDateTime64(departed_at, 6, 'UTC') AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    spine.tail AS tailnum,
    spine.carrier AS carrier,
    spine._instant AS _instant
  FROM spine
  WHERE
    NOT (
      spine.tail IS NULL
    )
    AND NOT (
      spine.carrier IS NULL
    )
    AND NOT (
      spine._instant IS NULL
    )
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    tailnum,
    carrier,
    _instant,
    _event_timestamp,
    seats,
    "Order No"
  FROM (
    SELECT
      asked.tailnum AS tailnum,
      asked.carrier AS carrier,
      asked._instant AS _instant,
      history."at" AS _event_timestamp,
      history.seats AS seats,
      history."Order No" AS "Order No",
      ROW_NUMBER() OVER (
        PARTITION BY asked.tailnum, asked.carrier, asked._instant
        ORDER BY history."at" DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, isNaN(history.delay) DESC, history.delay DESC, history."Order No" DESC
      ) AS _rank
    FROM "shop"."marts"."plane_features" AS history
    JOIN plane_features_asked AS asked
      ON asked.tailnum = history.tailnum
      AND asked.carrier = history.carrier
      AND history."at" <= (
        asked._instant - INTERVAL '90' MINUTE
      )
      AND history."at" >= (
        asked._instant - INTERVAL '2592000005' MILLISECOND
      )
  ) AS ranked
  WHERE
    _rank = 1
), weather_asked AS (
  /* weather: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT (
      _instant IS NULL
    )
), weather AS (
  /* weather: the newest row known by then */
  SELECT
    _instant,
    _event_timestamp,
    wind
  FROM (
    SELECT
      asked._instant AS _instant,
      history."date" AS _event_timestamp,
      history.wind AS wind,
      ROW_NUMBER() OVER (
        PARTITION BY asked._instant
        ORDER BY history."date" DESC, isNaN(history.wind) DESC, history.wind DESC
      ) AS _rank
    FROM "shop"."marts"."weather_features" AS history
    JOIN weather_asked AS asked
      ON toDateTime64(history."date", 6, 'UTC') <= asked._instant
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine.tail AS tail,
  spine.carrier AS carrier,
  spine.departed_at AS departed_at,
  plane_features.seats AS seats,
  plane_features."Order No" AS "Order No",
  plane_features._event_timestamp AS plane_features__event_timestamp,
  weather.wind AS wind,
  weather._event_timestamp AS weather__event_timestamp
FROM spine
LEFT JOIN plane_features
  ON spine.tail = plane_features.tailnum
  AND spine.carrier = plane_features.carrier
  AND spine._instant = plane_features._instant
LEFT JOIN weather
  ON spine._instant = weather._instant
SETTINGS join_use_nulls = 1

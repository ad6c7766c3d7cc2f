WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    "at",
    CAST("at" AT TIME ZONE 'UTC' AS TIMESTAMP) AS _instant
  FROM flights
), weather_features_asked AS (
  /* weather_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT _instant IS NULL
), weather_features_newest AS (
  /* weather_features: the newest instant known by then */
  SELECT
    _instant,
    _event_timestamp
  FROM (
    SELECT
      _instant,
      MAX(_event_timestamp) OVER (ORDER BY _known) AS _event_timestamp
    FROM (
      SELECT
        asked._instant,
        NULL AS _event_timestamp,
        asked._instant AS _known
      FROM weather_features_asked AS asked
      UNION ALL
      SELECT
        NULL AS _instant,
        history."date" AS _event_timestamp,
        CAST(history."date" AS TIMESTAMP) AS _known
      FROM "shop"."marts"."weather_features" AS history
    ) AS together
  ) AS newest
  WHERE
    NOT _instant IS NULL
), weather_features AS (
  /* weather_features: the row at that instant, ties decided */
  SELECT
    _instant,
    _event_timestamp,
    seats,
    delay,
    price,
    is_late,
    model,
    built,
    seen,
    landed
  FROM (
    SELECT
      newest._instant,
      newest._event_timestamp,
      history.seats,
      history.delay,
      history.price,
      history.is_late,
      history.model,
      history.built,
      history.seen,
      history.landed,
      ROW_NUMBER() OVER (
        PARTITION BY newest._instant
        ORDER BY history.seats DESC NULLS LAST, history.delay DESC NULLS LAST, history.price DESC NULLS LAST, history.is_late DESC NULLS LAST, history.model COLLATE "C" DESC NULLS LAST, history.built DESC NULLS LAST, history.seen DESC NULLS LAST, history.landed DESC NULLS LAST
      ) AS _rank
    FROM weather_features_newest AS newest
    JOIN "shop"."marts"."weather_features" AS history
      ON newest._event_timestamp = history."date"
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine."at",
  COALESCE(weather_features.seats, CAST(0 AS INT)) AS seats,
  COALESCE(weather_features.delay, CAST('0.1' AS DOUBLE PRECISION)) AS delay,
  COALESCE(weather_features.price, CAST('9.50' AS DECIMAL(9, 2))) AS price,
  COALESCE(weather_features.is_late, FALSE) AS is_late,
  COALESCE(weather_features.model, 'it''s unknown') AS model,
  COALESCE(weather_features.built, CAST('1970-01-02' AS DATE)) AS built,
  COALESCE(weather_features.seen, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)) AS seen,
  COALESCE(weather_features.landed, CAST('2024-03-01 10:00:00.000000+00:00' AS TIMESTAMPTZ)) AS landed
FROM spine
LEFT JOIN weather_features
  ON spine._instant = weather_features._instant

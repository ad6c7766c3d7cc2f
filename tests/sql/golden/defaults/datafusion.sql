WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    "at",
    ARROW_CAST(
      ARROW_CAST("at", 'Timestamp(Microsecond, Some("UTC"))'),
      'Timestamp(Microsecond, None)'
    ) AS _instant
  FROM flights
), weather_features_asked AS (
  /* weather_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT _instant IS NULL
), weather_features AS (
  /* weather_features: the newest row known by then */
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
      asked._instant,
      history."date" AS _event_timestamp,
      history.seats,
      history.delay,
      history.price,
      history.is_late,
      history.model,
      history.built,
      history.seen,
      history.landed,
      ROW_NUMBER() OVER (
        PARTITION BY asked._instant
        ORDER BY history."date" DESC NULLS LAST, history.seats DESC NULLS LAST, history.delay DESC NULLS LAST, history.price DESC NULLS LAST, history.is_late DESC NULLS LAST, history.model DESC NULLS LAST, history.built DESC NULLS LAST, history.seen DESC NULLS LAST, history.landed DESC NULLS LAST
      ) AS _rank
    FROM weather_features_asked AS asked
    JOIN "shop"."marts"."weather_features" AS history
      ON ARROW_CAST(history."date", 'Timestamp(Microsecond, None)') <= asked._instant
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
  COALESCE(
    weather_features.seen,
    ARROW_CAST('2024-03-01 12:00:00.000000', 'Timestamp(Microsecond, None)')
  ) AS seen,
  COALESCE(
    weather_features.landed,
    ARROW_CAST('2024-03-01 10:00:00.000000', 'Timestamp(Microsecond, Some("UTC"))')
  ) AS landed
FROM spine
LEFT JOIN weather_features
  ON spine._instant = weather_features._instant

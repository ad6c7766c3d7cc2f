WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    "at",
    CAST(AT_TIMEZONE("at", 'UTC') AS TIMESTAMP(6)) AS _instant
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
        ORDER BY history."date" DESC, history.seats DESC, history.delay DESC, history.price DESC, history.is_late DESC, history.model DESC, history.built DESC, history.seen DESC, history.landed DESC
      ) AS _rank
    FROM weather_features_asked AS asked
    JOIN "shop"."marts"."weather_features" AS history
      ON CAST(history."date" AS TIMESTAMP(6)) <= asked._instant
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine."at",
  COALESCE(weather_features.seats, CAST(0 AS INTEGER)) AS seats,
  COALESCE(weather_features.delay, CAST('0.1' AS DOUBLE)) AS delay,
  COALESCE(weather_features.price, CAST('9.50' AS DECIMAL(9, 2))) AS price,
  COALESCE(weather_features.is_late, FALSE) AS is_late,
  COALESCE(weather_features.model, 'it''s unknown') AS model,
  COALESCE(weather_features.built, CAST('1970-01-02' AS DATE)) AS built,
  COALESCE(weather_features.seen, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6))) AS seen,
  COALESCE(
    weather_features.landed,
    CAST('2024-03-01 10:00:00.000000+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
  ) AS landed
FROM spine
LEFT JOIN weather_features
  ON spine._instant = weather_features._instant

WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    "at",
    toDateTime64("at", 6, 'UTC') AS _instant
  FROM flights
), weather_features_asked AS (
  /* weather_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT (
      _instant IS NULL
    )
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
        asked._instant AS _instant,
        NULL AS _event_timestamp,
        asked._instant AS _known
      FROM weather_features_asked AS asked
      UNION ALL
      SELECT
        NULL AS _instant,
        history."date" AS _event_timestamp,
        toDateTime64(history."date", 6, 'UTC') AS _known
      FROM "shop"."marts"."weather_features" AS history
    ) AS together
  ) AS newest
  WHERE
    NOT (
      _instant IS NULL
    )
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
      newest._instant AS _instant,
      newest._event_timestamp AS _event_timestamp,
      history.seats AS seats,
      history.delay AS delay,
      history.price AS price,
      history.is_late AS is_late,
      history.model AS model,
      history.built AS built,
      history.seen AS seen,
      history.landed AS landed,
      ROW_NUMBER() OVER (
        PARTITION BY newest._instant
        ORDER BY history.seats DESC, isNaN(history.delay) DESC, history.delay DESC, history.price DESC, history.is_late DESC, history.model DESC, history.built DESC, history.seen DESC, history.landed DESC
      ) AS _rank
    FROM "shop"."marts"."weather_features" AS history
    JOIN weather_features_newest AS newest
      ON newest._event_timestamp = history."date"
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine."at" AS "at",
  COALESCE(weather_features.seats, CAST(0 AS Nullable(Int32))) AS seats,
  COALESCE(weather_features.delay, CAST('0.1' AS Nullable(Float64))) AS delay,
  COALESCE(weather_features.price, CAST('9.50' AS Nullable(Decimal(9, 2)))) AS price,
  COALESCE(weather_features.is_late, FALSE) AS is_late,
  COALESCE(weather_features.model, 'it''s unknown') AS model,
  COALESCE(weather_features.built, toDate32('1970-01-02')) AS built,
  COALESCE(weather_features.seen, toDateTime64('2024-03-01 12:00:00.000000', 6, 'UTC')) AS seen,
  COALESCE(weather_features.landed, toDateTime64('2024-03-01 10:00:00.000000', 6, 'UTC')) AS landed
FROM spine
LEFT JOIN weather_features
  ON spine._instant = weather_features._instant
SETTINGS join_use_nulls = 1

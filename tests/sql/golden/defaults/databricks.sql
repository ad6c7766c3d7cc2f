WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    `at`,
    (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(`at`)
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
    _values._event_timestamp,
    _values.seats,
    _values.delay,
    _values.price,
    _values.is_late,
    _values.model,
    _values.built,
    _values.seen,
    _values.landed
  FROM (
    SELECT
      _instant,
      LAST(_values, TRUE) OVER (
        ORDER BY _known, _instant, _values.seats, _values.delay, _values.price, _values.is_late, _values.model, _values.built, _values.seen, _values.landed
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS _values
    FROM (
      SELECT
        asked._instant,
        NULL AS _values,
        asked._instant AS _known
      FROM weather_features_asked AS asked
      UNION ALL
      SELECT
        NULL AS _instant,
        STRUCT(
          history.`date` AS _event_timestamp,
          history.seats,
          history.delay,
          history.price,
          history.is_late,
          history.model,
          history.built,
          history.seen,
          history.landed
        ) AS _values,
        CAST(history.`date` AS TIMESTAMP_NTZ) AS _known
      FROM `shop`.`marts`.`weather_features` AS history
      WHERE
        NOT history.`date` IS NULL
    ) AS together
  ) AS newest
  WHERE
    NOT _instant IS NULL AND NOT _values IS NULL
)
/* the training set: every entity row exactly once */
SELECT
  spine.`at`,
  COALESCE(weather_features.seats, CAST(0 AS INT)) AS seats,
  COALESCE(weather_features.delay, CAST('0.1' AS DOUBLE)) AS delay,
  COALESCE(weather_features.price, CAST('9.50' AS DECIMAL(9, 2))) AS price,
  COALESCE(weather_features.is_late, FALSE) AS is_late,
  COALESCE(weather_features.model, 'it\'s unknown') AS model,
  COALESCE(weather_features.built, CAST('1970-01-02' AS DATE)) AS built,
  COALESCE(weather_features.seen, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ)) AS seen,
  COALESCE(weather_features.landed, CAST('2024-03-01 10:00:00.000000+00:00' AS TIMESTAMP)) AS landed
FROM spine
LEFT JOIN weather_features
  ON spine._instant = weather_features._instant

WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tail,
    carrier,
    departed_at,
    (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(departed_at)
    ) AS _instant
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
  /* plane_features: the newest row known by then */
  SELECT
    tailnum,
    carrier,
    _instant,
    _values._event_timestamp,
    _values.seats,
    _values.`Order No`
  FROM (
    SELECT
      tailnum,
      carrier,
      _instant,
      LAST(_values, TRUE) OVER (
        PARTITION BY tailnum, carrier
        ORDER BY _known, _instant, _values.loaded_at, _values.seats, _values.name, _values.delay, _values.`Order No`
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS _values
    FROM (
      SELECT
        asked.tailnum,
        asked.carrier,
        asked._instant,
        NULL AS _values,
        asked._instant - INTERVAL '90' MINUTE AS _known
      FROM plane_features_asked AS asked
      UNION ALL
      SELECT
        history.tailnum,
        history.carrier,
        NULL AS _instant,
        STRUCT(
          history.`at` AS _event_timestamp,
          history.seats,
          history.`Order No`,
          history.delay,
          history.loaded_at,
          history.name
        ) AS _values,
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        ) AS _known
      FROM `shop`.`marts`.`plane_features` AS history
      WHERE
        NOT history.`at` IS NULL
    ) AS together
  ) AS newest
  WHERE
    NOT _instant IS NULL
    AND NOT _values IS NULL
    AND (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(_values._event_timestamp)
    ) >= (
      _instant - INTERVAL '2592000005' MILLISECOND
    )
), weather_asked AS (
  /* weather: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT _instant IS NULL
), weather AS (
  /* weather: the newest row known by then */
  SELECT
    _instant,
    _values._event_timestamp,
    _values.wind
  FROM (
    SELECT
      _instant,
      LAST(_values, TRUE) OVER (
        ORDER BY _known, _instant, _values.wind
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS _values
    FROM (
      SELECT
        asked._instant,
        NULL AS _values,
        asked._instant AS _known
      FROM weather_asked AS asked
      UNION ALL
      SELECT
        NULL AS _instant,
        STRUCT(history.`date` AS _event_timestamp, history.wind) AS _values,
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
  spine.tail,
  spine.carrier,
  spine.departed_at,
  plane_features.seats,
  plane_features.`Order No`,
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

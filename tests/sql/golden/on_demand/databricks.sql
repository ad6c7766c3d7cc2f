WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    carrier,
    `at`,
    due_at,
    left_at,
    CAST(`at` AS TIMESTAMP_NTZ) AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    carrier,
    _instant
  FROM spine
  WHERE
    NOT tailnum IS NULL AND NOT carrier IS NULL AND NOT _instant IS NULL
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    tailnum,
    carrier,
    _instant,
    _values._event_timestamp,
    _values.seats,
    _values.name
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
          history.name,
          history.`Order No`,
          history.delay,
          history.loaded_at
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
), enriched AS (
  /* the entity rows with their features */
  SELECT
    spine.tailnum,
    spine.carrier,
    spine.`at`,
    spine.due_at,
    spine.left_at,
    plane_features.seats,
    plane_features.name
  FROM spine
  LEFT JOIN plane_features
    ON spine.tailnum = plane_features.tailnum
    AND spine.carrier = plane_features.carrier
    AND spine._instant = plane_features._instant
), computed AS (
  /* is_late: computed from the request and the features */
  SELECT
    tailnum,
    carrier,
    `at`,
    due_at,
    left_at,
    seats,
    name,
    CAST(CAST((
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(left_at)
    ) AS TIMESTAMP_NTZ) > CAST(CAST(due_at AS TIMESTAMP_NTZ) AS TIMESTAMP_NTZ) AS BOOLEAN) AS is_late
  FROM enriched
), computed_2 AS (
  /* is_odd: computed from the request and the features */
  SELECT
    tailnum,
    carrier,
    `at`,
    due_at,
    left_at,
    seats,
    name,
    is_late,
    CAST(CAST(is_late AS BOOLEAN) OR CAST(name AS STRING) = 'N1' AS BOOLEAN) AS is_odd
  FROM computed
)
/* the training set: every entity row exactly once */
SELECT
  tailnum,
  carrier,
  `at`,
  due_at,
  left_at,
  seats,
  name,
  is_odd,
  is_late
FROM computed_2

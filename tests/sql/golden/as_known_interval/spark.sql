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
), plane_features_periods AS (
  /* plane_features: each row, and the instant at which another replaces it */
  SELECT
    history.tailnum,
    history.carrier,
    history.`at` AS _event_timestamp,
    CASE
      WHEN (
        history.loaded_at - INTERVAL '90' MINUTE
      ) > (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
      )
      THEN history.loaded_at - INTERVAL '90' MINUTE
      ELSE (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
      )
    END AS _known,
    MIN(
      CASE
        WHEN (
          history.loaded_at - INTERVAL '90' MINUTE
        ) > (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        )
        THEN history.loaded_at - INTERVAL '90' MINUTE
        ELSE (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        )
      END
    ) OVER (
      PARTITION BY history.tailnum, history.carrier
      ORDER BY history.`at` DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history.`Order No` DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS _until,
    history.seats,
    history.`Order No`
  FROM `shop`.`marts`.`plane_features` AS history
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    asked.tailnum,
    asked.carrier,
    asked._instant,
    periods._event_timestamp,
    periods.seats,
    periods.`Order No`
  FROM plane_features_asked AS asked
  JOIN plane_features_periods AS periods
    ON asked.tailnum = periods.tailnum
    AND asked.carrier = periods.carrier
    AND periods._known <= (
      asked._instant - INTERVAL '90' MINUTE
    )
    AND (
      periods._until IS NULL
      OR periods._until > (
        asked._instant - INTERVAL '90' MINUTE
      )
    )
    AND (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(periods._event_timestamp)
    ) >= (
      asked._instant - INTERVAL '2592000005' MILLISECOND
    )
)
/* the training set: every entity row exactly once */
SELECT
  spine.tail,
  spine.carrier,
  spine.departed_at,
  plane_features.seats,
  plane_features.`Order No`,
  plane_features._event_timestamp AS plane_features__event_timestamp
FROM spine
LEFT JOIN plane_features
  ON spine.tail = plane_features.tailnum
  AND spine.carrier = plane_features.carrier
  AND spine._instant = plane_features._instant

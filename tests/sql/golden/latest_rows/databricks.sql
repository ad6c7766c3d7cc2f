/* plane_features: the newest row of each entity, ties decided */
SELECT
  tailnum,
  carrier,
  `at`,
  loaded_at,
  seats,
  name,
  delay,
  `Order No`
FROM (
  SELECT
    history.tailnum,
    history.carrier,
    history.`at`,
    history.loaded_at,
    history.seats,
    history.name,
    history.delay,
    history.`Order No`,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum, history.carrier
      ORDER BY history.`at` DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history.`Order No` DESC
    ) AS _rank
  FROM `shop`.`marts`.`plane_features` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND NOT history.carrier IS NULL
    AND (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
    ) <= (
      CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '90' MINUTE
    )
    AND (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
    ) >= (
      CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '2592000005' MILLISECOND
    )
) AS ranked
WHERE
  _rank = 1

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
      ORDER BY history.`at` DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.`Order No` DESC
    ) AS _rank
  FROM `shop`.`marts`.`plane_features` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND NOT history.carrier IS NULL
    AND history.`at` <= CAST('2024-03-01 10:30:00.000000+00:00' AS TIMESTAMP)
    AND history.`at` >= CAST('2024-01-31 11:59:59.995000+00:00' AS TIMESTAMP)
    AND (
      history.`at` >= CAST('2024-02-28 10:30:00.000000+00:00' AS TIMESTAMP)
      OR history.loaded_at >= CAST('2024-02-28 12:00:00.000000' AS DATETIME)
      OR history.loaded_at IS NULL
    )
) AS ranked
WHERE
  _rank = 1

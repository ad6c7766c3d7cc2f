-- all entities
/* plane_features: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  weights
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.weights,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, TO_JSON_STRING(history.weights) DESC
    ) AS _rank
  FROM `warehouse`.`main`.`plane_features` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND DATETIME(history.observed_at, 'UTC') <= DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 1 HOUR)
    AND DATETIME(history.observed_at, 'UTC') >= DATETIME_SUB(CAST('2024-03-30 00:00:00.000001' AS DATETIME), INTERVAL 30 DAY)
) AS ranked
WHERE
  _rank = 1;

-- entities with an event since a week ago
/* plane_features: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  weights
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.weights,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, TO_JSON_STRING(history.weights) DESC
    ) AS _rank
  FROM `warehouse`.`main`.`plane_features` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND DATETIME(history.observed_at, 'UTC') <= DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 1 HOUR)
    AND DATETIME(history.observed_at, 'UTC') >= DATETIME_SUB(CAST('2024-03-30 00:00:00.000001' AS DATETIME), INTERVAL 30 DAY)
    AND DATETIME(history.observed_at, 'UTC') >= DATETIME_SUB(CAST('2024-03-24 00:00:00.000000' AS DATETIME), INTERVAL 1 HOUR)
) AS ranked
WHERE
  _rank = 1;

-- entities of any age
/* plane_features: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  weights
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.weights,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, TO_JSON_STRING(history.weights) DESC
    ) AS _rank
  FROM `warehouse`.`main`.`plane_features` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND DATETIME(history.observed_at, 'UTC') <= DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 1 HOUR)
) AS ranked
WHERE
  _rank = 1;


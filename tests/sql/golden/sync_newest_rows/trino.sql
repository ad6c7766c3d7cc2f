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
      ORDER BY history.observed_at DESC, history.written_at DESC, history.delay DESC, history.seats DESC, history.weights DESC
    ) AS _rank
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
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
      ORDER BY history.observed_at DESC, history.written_at DESC, history.delay DESC, history.seats DESC, history.weights DESC
    ) AS _rank
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
    AND history.observed_at >= CAST('2024-03-23 23:00:00.000000+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
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
      ORDER BY history.observed_at DESC, history.written_at DESC, history.delay DESC, history.seats DESC, history.weights DESC
    ) AS _rank
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMP(6) WITH TIME ZONE)
) AS ranked
WHERE
  _rank = 1;


-- all entities
/* plane_features: the newest row of each entity, ties decided */
SELECT DISTINCT ON (history.tailnum)
  history.tailnum,
  history.observed_at,
  history.written_at,
  history.delay,
  history.seats,
  history.weights
FROM "warehouse"."main"."plane_features" AS history
WHERE
  NOT history.tailnum IS NULL
  AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
  AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMPTZ)
ORDER BY
  history.tailnum,
  history.observed_at DESC NULLS LAST,
  history.written_at DESC NULLS LAST,
  history.delay DESC NULLS LAST,
  history.seats DESC NULLS LAST,
  history.weights DESC NULLS LAST;

-- entities with an event since a week ago
/* plane_features: the newest row of each entity, ties decided */
SELECT DISTINCT ON (history.tailnum)
  history.tailnum,
  history.observed_at,
  history.written_at,
  history.delay,
  history.seats,
  history.weights
FROM "warehouse"."main"."plane_features" AS history
WHERE
  NOT history.tailnum IS NULL
  AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
  AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMPTZ)
  AND history.observed_at >= CAST('2024-03-23 23:00:00.000000+00:00' AS TIMESTAMPTZ)
ORDER BY
  history.tailnum,
  history.observed_at DESC NULLS LAST,
  history.written_at DESC NULLS LAST,
  history.delay DESC NULLS LAST,
  history.seats DESC NULLS LAST,
  history.weights DESC NULLS LAST;

-- entities of any age
/* plane_features: the newest row of each entity, ties decided */
SELECT DISTINCT ON (history.tailnum)
  history.tailnum,
  history.observed_at,
  history.written_at,
  history.delay,
  history.seats,
  history.weights
FROM "warehouse"."main"."plane_features" AS history
WHERE
  NOT history.tailnum IS NULL
  AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
ORDER BY
  history.tailnum,
  history.observed_at DESC NULLS LAST,
  history.written_at DESC NULLS LAST,
  history.delay DESC NULLS LAST,
  history.seats DESC NULLS LAST,
  history.weights DESC NULLS LAST;


-- all entities
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMPTZ)
  GROUP BY
    history.tailnum
)
/* plane_features: the row at that instant, ties decided */
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
      ORDER BY history.written_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST, history.weights DESC NULLS LAST
    ) AS _rank
  FROM newest
  JOIN "warehouse"."main"."plane_features" AS history
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMPTZ)
) AS ranked
WHERE
  _rank = 1;

-- entities with an event since a week ago
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMPTZ)
    AND history.observed_at >= CAST('2024-03-23 23:00:00.000000+00:00' AS TIMESTAMPTZ)
  GROUP BY
    history.tailnum
)
/* plane_features: the row at that instant, ties decided */
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
      ORDER BY history.written_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST, history.weights DESC NULLS LAST
    ) AS _rank
  FROM newest
  JOIN "warehouse"."main"."plane_features" AS history
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001+00:00' AS TIMESTAMPTZ)
    AND history.observed_at >= CAST('2024-03-23 23:00:00.000000+00:00' AS TIMESTAMPTZ)
) AS ranked
WHERE
  _rank = 1;

-- entities of any age
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
  GROUP BY
    history.tailnum
)
/* plane_features: the row at that instant, ties decided */
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
      ORDER BY history.written_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST, history.weights DESC NULLS LAST
    ) AS _rank
  FROM newest
  JOIN "warehouse"."main"."plane_features" AS history
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= CAST('2024-03-30 23:00:00.000000+00:00' AS TIMESTAMPTZ)
) AS ranked
WHERE
  _rank = 1;


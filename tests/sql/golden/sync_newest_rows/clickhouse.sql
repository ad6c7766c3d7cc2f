-- all entities
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum AS tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT (
      history.tailnum IS NULL
    )
    AND history.observed_at <= toDateTime64('2024-03-30 23:00:00.000000', 6, 'UTC')
    AND history.observed_at >= toDateTime64('2024-02-29 00:00:00.000001', 6, 'UTC')
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
    history.tailnum AS tailnum,
    history.observed_at AS observed_at,
    history.written_at AS written_at,
    history.delay AS delay,
    history.seats AS seats,
    history.weights AS weights,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.written_at DESC, isNaN(history.delay) DESC, history.delay DESC, history.seats DESC, history.weights DESC
    ) AS _rank
  FROM "warehouse"."main"."plane_features" AS history
  JOIN newest
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= toDateTime64('2024-03-30 23:00:00.000000', 6, 'UTC')
    AND history.observed_at >= toDateTime64('2024-02-29 00:00:00.000001', 6, 'UTC')
) AS ranked
WHERE
  _rank = 1;

-- entities with an event since a week ago
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum AS tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT (
      history.tailnum IS NULL
    )
    AND history.observed_at <= toDateTime64('2024-03-30 23:00:00.000000', 6, 'UTC')
    AND history.observed_at >= toDateTime64('2024-02-29 00:00:00.000001', 6, 'UTC')
    AND history.observed_at >= toDateTime64('2024-03-23 23:00:00.000000', 6, 'UTC')
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
    history.tailnum AS tailnum,
    history.observed_at AS observed_at,
    history.written_at AS written_at,
    history.delay AS delay,
    history.seats AS seats,
    history.weights AS weights,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.written_at DESC, isNaN(history.delay) DESC, history.delay DESC, history.seats DESC, history.weights DESC
    ) AS _rank
  FROM "warehouse"."main"."plane_features" AS history
  JOIN newest
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= toDateTime64('2024-03-30 23:00:00.000000', 6, 'UTC')
    AND history.observed_at >= toDateTime64('2024-02-29 00:00:00.000001', 6, 'UTC')
    AND history.observed_at >= toDateTime64('2024-03-23 23:00:00.000000', 6, 'UTC')
) AS ranked
WHERE
  _rank = 1;

-- entities of any age
WITH newest AS (
  /* plane_features: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum AS tailnum,
    MAX(history.observed_at) AS _event_timestamp
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    NOT (
      history.tailnum IS NULL
    )
    AND history.observed_at <= toDateTime64('2024-03-30 23:00:00.000000', 6, 'UTC')
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
    history.tailnum AS tailnum,
    history.observed_at AS observed_at,
    history.written_at AS written_at,
    history.delay AS delay,
    history.seats AS seats,
    history.weights AS weights,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.written_at DESC, isNaN(history.delay) DESC, history.delay DESC, history.seats DESC, history.weights DESC
    ) AS _rank
  FROM "warehouse"."main"."plane_features" AS history
  JOIN newest
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.observed_at
  WHERE
    history.observed_at <= toDateTime64('2024-03-30 23:00:00.000000', 6, 'UTC')
) AS ranked
WHERE
  _rank = 1;


-- Rows written after the entity row's instant are left out.
WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    origin,
    dest,
    departed_at,
    event_timestamp,
    CAST(event_timestamp AS TIMESTAMP) AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    _instant
  FROM spine
  WHERE
    NOT tailnum IS NULL AND NOT _instant IS NULL
), plane_features_newest AS (
  /* plane_features: the newest instant known by then */
  SELECT
    tailnum,
    _instant,
    _event_timestamp
  FROM (
    SELECT
      tailnum,
      _instant,
      MAX(_event_timestamp) OVER (PARTITION BY tailnum ORDER BY _known ASC) AS _event_timestamp
    FROM (
      SELECT
        asked.tailnum,
        asked._instant,
        NULL AS _event_timestamp,
        asked._instant AS _known
      FROM plane_features_asked AS asked
      UNION ALL
      SELECT
        history.tailnum,
        NULL AS _instant,
        history.observed_at AS _event_timestamp,
        CASE
          WHEN history.loaded_at > history.observed_at
          THEN history.loaded_at
          ELSE history.observed_at
        END AS _known
      FROM "warehouse"."main"."plane_features" AS history
    ) AS together
  ) AS newest
  WHERE
    NOT _instant IS NULL AND _event_timestamp >= (
      _instant - INTERVAL '30' DAY
    )
), plane_features AS (
  /* plane_features: the row at that instant, ties decided */
  SELECT
    tailnum,
    _instant,
    _event_timestamp,
    delay
  FROM (
    SELECT
      newest.tailnum,
      newest._instant,
      newest._event_timestamp,
      history.delay,
      ROW_NUMBER() OVER (
        PARTITION BY newest.tailnum, newest._instant
        ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM plane_features_newest AS newest
    JOIN "warehouse"."main"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.observed_at
      AND (
        history.loaded_at <= newest._instant OR history.loaded_at IS NULL
      )
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum,
  spine.origin,
  spine.dest,
  spine.departed_at,
  spine.event_timestamp,
  plane_features.delay
FROM spine
LEFT JOIN plane_features
  ON spine.tailnum = plane_features.tailnum
  AND spine._instant = plane_features._instant;

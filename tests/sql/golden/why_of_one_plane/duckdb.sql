-- Each row of one plane, and why it is chosen or rejected.
WITH candidates AS (
  /* every row of the entity in plane_features; rank 1 is the row to use */
  SELECT
    history.observed_at AS _event,
    history.loaded_at AS _created,
    history.delay AS value,
    COALESCE(history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), FALSE)
    AND COALESCE(
      history.observed_at >= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '30' DAY
      ),
      FALSE
    )
    AND COALESCE(history.loaded_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), TRUE) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), FALSE)
      AND COALESCE(
        history.observed_at >= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '30' DAY
        ),
        FALSE
      )
      AND COALESCE(history.loaded_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), TRUE)
      ORDER BY history.observed_at DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), FALSE)
      ORDER BY CASE
        WHEN COALESCE(history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), FALSE)
        THEN history.observed_at
      END DESC NULLS LAST, CASE
        WHEN COALESCE(history.observed_at <= CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP), FALSE)
        THEN NULL
        ELSE history.observed_at
      END NULLS LAST, history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
    ) AS _row
  FROM "warehouse"."main"."plane_features" AS history
  WHERE
    history.tailnum = 'N1'
)
/* each row, and why it is chosen or rejected */
SELECT
  _event AS event_timestamp,
  _created AS created_timestamp,
  value,
  CASE
    WHEN _event IS NULL
    THEN 'no event timestamp'
    WHEN _event > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)
    THEN 'not known yet'
    WHEN _event < (
      CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '30' DAY
    )
    THEN 'older than the ttl'
    WHEN _created > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)
    THEN 'written later'
    WHEN _rank = 1
    THEN 'chosen'
    WHEN _event < (
      SELECT
        MAX(_event)
      FROM candidates
      WHERE
        _eligible
    )
    THEN 'superseded by a newer row'
    ELSE 'lost the tie'
  END AS verdict
FROM candidates
ORDER BY
  _eligible AND _rank = 1 DESC,
  _row,
  _event DESC NULLS LAST,
  _rank
LIMIT 20;

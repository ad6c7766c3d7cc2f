WITH candidates AS (
  /* every row of the entity in plane_features; rank 1 is the row to use */
  SELECT
    CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) AS _event,
    history.loaded_at AS _created,
    history.seats AS value,
    COALESCE(
      CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) <= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '90' MINUTE
      ),
      FALSE
    )
    AND COALESCE(
      CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) >= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '2592000.005' SECOND
      ),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '90' MINUTE
        ),
        FALSE
      )
      AND COALESCE(
        CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) >= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '2592000.005' SECOND
        ),
        FALSE
      )
      ORDER BY history."at" DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history."Order No" DESC
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '90' MINUTE
        ),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '90' MINUTE
          ),
          FALSE
        )
        THEN CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6))
      END DESC, CASE
        WHEN COALESCE(
          CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '90' MINUTE
          ),
          FALSE
        )
        THEN NULL
        ELSE CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6))
      END, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history."Order No" DESC
    ) AS _row
  FROM "shop"."marts"."plane_features" AS history
  WHERE
    history.tailnum = 'N1' AND history.carrier = 'UA'
)
/* each row, and why it is chosen or rejected */
SELECT
  _event AS event_timestamp,
  _created AS created_timestamp,
  value,
  CASE
    WHEN _event IS NULL
    THEN 'no event timestamp'
    WHEN (
      _event + INTERVAL '90' MINUTE
    ) > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6))
    THEN 'not known yet'
    WHEN _event < (
      CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP(6)) - INTERVAL '2592000.005' SECOND
    )
    THEN 'older than the ttl'
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
  _event DESC,
  _rank
LIMIT 20

WITH candidates AS (
  /* every row of the entity in plane_features; rank 1 is the row to use */
  SELECT
    history."at" AT TIME ZONE 'UTC' AS _event,
    history.loaded_at AS _created,
    history.seats AS value,
    COALESCE(
      history."at" AT TIME ZONE 'UTC' <= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '90' MINUTE
      ),
      FALSE
    )
    AND COALESCE(
      history."at" AT TIME ZONE 'UTC' >= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '2592000005' MILLISECOND
      ),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        history."at" AT TIME ZONE 'UTC' <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '90' MINUTE
        ),
        FALSE
      )
      AND COALESCE(
        history."at" AT TIME ZONE 'UTC' >= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '2592000005' MILLISECOND
        ),
        FALSE
      )
      ORDER BY history."at" DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        history."at" AT TIME ZONE 'UTC' <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '90' MINUTE
        ),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          history."at" AT TIME ZONE 'UTC' <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '90' MINUTE
          ),
          FALSE
        )
        THEN history."at" AT TIME ZONE 'UTC'
      END DESC NULLS LAST, CASE
        WHEN COALESCE(
          history."at" AT TIME ZONE 'UTC' <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '90' MINUTE
          ),
          FALSE
        )
        THEN NULL
        ELSE history."at" AT TIME ZONE 'UTC'
      END NULLS LAST, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
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
    ) > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)
    THEN 'not known yet'
    WHEN _event < (
      CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '2592000005' MILLISECOND
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
  _event DESC NULLS LAST,
  _rank
LIMIT 20

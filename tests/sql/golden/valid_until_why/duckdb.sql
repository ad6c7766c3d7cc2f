WITH candidates AS (
  /* every row of the entity in contracts; rank 1 is the row to use */
  SELECT
    history.dbt_valid_from AT TIME ZONE 'UTC' AS _event,
    CASE
      WHEN history.dbt_valid_to AT TIME ZONE 'UTC' < CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP)
      THEN history.dbt_valid_to AT TIME ZONE 'UTC'
    END AS _until,
    history.lessor AS value,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR history.dbt_valid_to AT TIME ZONE 'UTC' > (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6' HOUR
      )
    ) AS _valid,
    (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _kept,
    COALESCE(
      history.dbt_valid_from AT TIME ZONE 'UTC' <= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6' HOUR
      ),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        history.dbt_valid_from AT TIME ZONE 'UTC' <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6' HOUR
        ),
        FALSE
      )
      ORDER BY history.dbt_valid_from DESC NULLS LAST, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC NULLS LAST, history.lessor DESC NULLS LAST
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        history.dbt_valid_from AT TIME ZONE 'UTC' <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6' HOUR
        ),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          history.dbt_valid_from AT TIME ZONE 'UTC' <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6' HOUR
          ),
          FALSE
        )
        THEN history.dbt_valid_from AT TIME ZONE 'UTC'
      END DESC NULLS LAST, CASE
        WHEN COALESCE(
          history.dbt_valid_from AT TIME ZONE 'UTC' <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6' HOUR
          ),
          FALSE
        )
        THEN NULL
        ELSE history.dbt_valid_from AT TIME ZONE 'UTC'
      END NULLS LAST, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC NULLS LAST, history.lessor DESC NULLS LAST
    ) AS _row
  FROM "shop"."marts"."contracts" AS history
  WHERE
    history.tailnum = 'N1'
)
/* each row, and why it is chosen or rejected */
SELECT
  _event AS event_timestamp,
  _until AS valid_until,
  value,
  CASE
    WHEN _event IS NULL
    THEN 'no event timestamp'
    WHEN (
      _event + INTERVAL '6' HOUR
    ) > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP)
    THEN 'not known yet'
    WHEN _rank = 1 AND NOT _kept
    THEN 'records a deletion'
    WHEN _rank = 1 AND NOT _valid
    THEN 'ended by then'
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

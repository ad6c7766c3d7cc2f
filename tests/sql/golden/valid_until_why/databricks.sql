WITH candidates AS (
  /* every row of the entity in contracts; rank 1 is the row to use */
  SELECT
    (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
    ) AS _event,
    CASE
      WHEN (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_to)
      ) < CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP_NTZ)
      THEN (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_to)
      )
    END AS _until,
    history.lessor AS value,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_to)
      ) > (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
      )
    ) AS _valid,
    (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _kept,
    COALESCE(
      (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
      ) <= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
      ),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
        ) <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
        ),
        FALSE
      )
      ORDER BY history.dbt_valid_from DESC, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC, history.lessor DESC
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
        ) <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
        ),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          (
            CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
          ) <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
          ),
          FALSE
        )
        THEN (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
        )
      END DESC, CASE
        WHEN COALESCE(
          (
            CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
          ) <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
          ),
          FALSE
        )
        THEN NULL
        ELSE (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
        )
      END NULLS LAST, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC, history.lessor DESC
    ) AS _row
  FROM `shop`.`marts`.`contracts` AS history
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
    ) > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ)
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
  _row NULLS LAST,
  _event DESC,
  _rank NULLS LAST
LIMIT 20

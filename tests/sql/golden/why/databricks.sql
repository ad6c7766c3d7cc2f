WITH candidates AS (
  /* every row of the entity in plane_features; rank 1 is the row to use */
  SELECT
    (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
    ) AS _event,
    history.loaded_at AS _created,
    history.seats AS value,
    COALESCE(
      (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
      ) <= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '90' MINUTE
      ),
      FALSE
    )
    AND COALESCE(
      (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
      ) >= (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '2592000005' MILLISECOND
      ),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        ) <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '90' MINUTE
        ),
        FALSE
      )
      AND COALESCE(
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        ) >= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '2592000005' MILLISECOND
        ),
        FALSE
      )
      ORDER BY history.`at` DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history.`Order No` DESC
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        ) <= (
          CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '90' MINUTE
        ),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          (
            CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
          ) <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '90' MINUTE
          ),
          FALSE
        )
        THEN (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        )
      END DESC, CASE
        WHEN COALESCE(
          (
            CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
          ) <= (
            CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '90' MINUTE
          ),
          FALSE
        )
        THEN NULL
        ELSE (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.`at`)
        )
      END NULLS LAST, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history.`Order No` DESC
    ) AS _row
  FROM `shop`.`marts`.`plane_features` AS history
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
    ) > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ)
    THEN 'not known yet'
    WHEN _event < (
      CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '2592000005' MILLISECOND
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
  _row NULLS LAST,
  _event DESC,
  _rank NULLS LAST
LIMIT 20

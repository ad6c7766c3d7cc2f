WITH candidates AS (
  /* every row of the entity in plane_features; rank 1 is the row to use */
  SELECT
    DATETIME(history.`at`, 'UTC') AS _event,
    history.loaded_at AS _created,
    history.seats AS value,
    COALESCE(
      DATETIME(history.`at`, 'UTC') <= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 90 MINUTE),
      FALSE
    )
    AND COALESCE(
      DATETIME(history.`at`, 'UTC') >= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 2592000005 MILLISECOND),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        DATETIME(history.`at`, 'UTC') <= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 90 MINUTE),
        FALSE
      )
      AND COALESCE(
        DATETIME(history.`at`, 'UTC') >= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 2592000005 MILLISECOND),
        FALSE
      )
      ORDER BY history.`at` DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.`Order No` DESC
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        DATETIME(history.`at`, 'UTC') <= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 90 MINUTE),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          DATETIME(history.`at`, 'UTC') <= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 90 MINUTE),
          FALSE
        )
        THEN DATETIME(history.`at`, 'UTC')
      END DESC, CASE
        WHEN COALESCE(
          DATETIME(history.`at`, 'UTC') <= DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 90 MINUTE),
          FALSE
        )
        THEN NULL
        ELSE DATETIME(history.`at`, 'UTC')
      END NULLS LAST, history.loaded_at DESC, history.seats DESC, history.name DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.`Order No` DESC
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
    WHEN DATETIME_ADD(_event, INTERVAL 90 MINUTE) > CAST('2024-03-01 12:00:00.000000' AS DATETIME)
    THEN 'not known yet'
    WHEN _event < DATETIME_SUB(CAST('2024-03-01 12:00:00.000000' AS DATETIME), INTERVAL 2592000005 MILLISECOND)
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

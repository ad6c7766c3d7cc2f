WITH candidates AS (
  /* every row of the entity in plane_features; rank 1 is the row to use */
  SELECT
    CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) AS _event,
    history.loaded_at AS _created,
    history.seats AS value,
    COALESCE(
      CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) <= DATEADD(MINUTE, -90, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ)),
      FALSE
    )
    AND COALESCE(
      CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) >= DATEADD(
        MICROSECOND,
        -5000,
        DATEADD(DAY, -30, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ))
      ),
      FALSE
    ) AS _eligible,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) <= DATEADD(MINUTE, -90, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ)),
        FALSE
      )
      AND COALESCE(
        CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) >= DATEADD(
          MICROSECOND,
          -5000,
          DATEADD(DAY, -30, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ))
        ),
        FALSE
      )
      ORDER BY history.at DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
    ) AS _rank,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(
        CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) <= DATEADD(MINUTE, -90, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ)),
        FALSE
      )
      ORDER BY CASE
        WHEN COALESCE(
          CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) <= DATEADD(MINUTE, -90, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ)),
          FALSE
        )
        THEN CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ)
      END DESC NULLS LAST, CASE
        WHEN COALESCE(
          CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ) <= DATEADD(MINUTE, -90, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ)),
          FALSE
        )
        THEN NULL
        ELSE CAST(CONVERT_TIMEZONE('UTC', history.at) AS TIMESTAMPNTZ)
      END, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
    ) AS _row
  FROM SHOP.MARTS.plane_features AS history
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
    WHEN DATEADD(MINUTE, 90, _event) > CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ)
    THEN 'not known yet'
    WHEN _event < DATEADD(
      MICROSECOND,
      -5000,
      DATEADD(DAY, -30, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMPNTZ))
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
  _eligible AND _rank = 1 DESC NULLS LAST,
  _row,
  _event DESC NULLS LAST,
  _rank
LIMIT 20

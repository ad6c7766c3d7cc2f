WITH newest AS (
  /* contracts: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum,
    MAX(history.dbt_valid_from) AS _event_timestamp
  FROM "shop"."marts"."contracts" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND ARROW_CAST(
      ARROW_CAST(history.dbt_valid_from, 'Timestamp(Microsecond, Some("UTC"))'),
      'Timestamp(Microsecond, None)'
    ) <= (
      ARROW_CAST('2024-03-01 12:00:00.000000', 'Timestamp(Microsecond, None)') - INTERVAL '6 HOUR'
    )
  GROUP BY
    history.tailnum
)
/* contracts: the row at that instant, ties decided */
SELECT
  tailnum,
  dbt_valid_from,
  _featurestore_valid_until,
  lessor
FROM (
  SELECT
    history.tailnum,
    history.dbt_valid_from,
    CASE
      WHEN history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR ARROW_CAST(
        ARROW_CAST(history.dbt_valid_to, 'Timestamp(Microsecond, Some("UTC"))'),
        'Timestamp(Microsecond, None)'
      ) >= ARROW_CAST('9999-12-31 00:00:00.000000', 'Timestamp(Microsecond, None)')
      THEN NULL
      ELSE ARROW_CAST(
        ARROW_CAST(history.dbt_valid_to, 'Timestamp(Microsecond, Some("UTC"))'),
        'Timestamp(Microsecond, None)'
      ) + INTERVAL '6 HOUR'
    END AS _featurestore_valid_until,
    history.lessor,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC, history.dbt_is_deleted DESC NULLS LAST, history.lessor DESC NULLS LAST
    ) AS _rank,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR ARROW_CAST(
        ARROW_CAST(history.dbt_valid_to, 'Timestamp(Microsecond, Some("UTC"))'),
        'Timestamp(Microsecond, None)'
      ) > (
        ARROW_CAST('2024-03-01 12:00:00.000000', 'Timestamp(Microsecond, None)') - INTERVAL '6 HOUR'
      )
    )
    AND (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _counts
  FROM newest
  JOIN "shop"."marts"."contracts" AS history
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.dbt_valid_from
) AS ranked
WHERE
  _rank = 1 AND _counts

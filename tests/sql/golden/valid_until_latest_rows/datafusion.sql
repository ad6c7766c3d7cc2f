/* contracts: the newest row of each entity, ties decided */
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
      ORDER BY history.dbt_valid_from DESC NULLS LAST, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC, history.dbt_is_deleted DESC NULLS LAST, history.lessor DESC NULLS LAST
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
  FROM "shop"."marts"."contracts" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.dbt_valid_from <= ARROW_CAST('2024-03-01 06:00:00.000000', 'Timestamp(Microsecond, Some("UTC"))')
) AS ranked
WHERE
  _rank = 1 AND _counts

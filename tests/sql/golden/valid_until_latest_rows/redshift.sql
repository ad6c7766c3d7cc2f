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
      OR history.dbt_valid_to AT TIME ZONE 'UTC' >= CAST('9999-12-31 00:00:00.000000' AS TIMESTAMP)
      THEN NULL
      ELSE DATEADD(HOUR, 6, history.dbt_valid_to AT TIME ZONE 'UTC')
    END AS _featurestore_valid_until,
    history.lessor,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.dbt_valid_from DESC NULLS LAST, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC, history.dbt_is_deleted DESC NULLS LAST, history.lessor DESC NULLS LAST
    ) AS _rank,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR history.dbt_valid_to AT TIME ZONE 'UTC' > DATEADD(HOUR, -6, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP))
    )
    AND (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _counts
  FROM "shop"."marts"."contracts" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.dbt_valid_from <= CAST('2024-03-01 06:00:00.000000+00:00' AS TIMESTAMP WITH TIME ZONE)
) AS ranked
WHERE
  _rank = 1 AND _counts

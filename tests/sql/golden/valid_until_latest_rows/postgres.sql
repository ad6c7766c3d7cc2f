/* contracts: the newest row of each entity, ties decided */
SELECT
  tailnum,
  dbt_valid_from,
  _featurestore_valid_until,
  lessor
FROM (
  SELECT DISTINCT ON (history.tailnum)
    history.tailnum,
    history.dbt_valid_from,
    CASE
      WHEN history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR history.dbt_valid_to AT TIME ZONE 'UTC' >= CAST('9999-12-31 00:00:00.000000' AS TIMESTAMP)
      THEN NULL
      ELSE history.dbt_valid_to AT TIME ZONE 'UTC' + INTERVAL '6 HOUR'
    END AS _featurestore_valid_until,
    history.lessor,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR history.dbt_valid_to AT TIME ZONE 'UTC' > (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP) - INTERVAL '6 HOUR'
      )
    )
    AND (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _counts
  FROM "shop"."marts"."contracts" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.dbt_valid_from <= CAST('2024-03-01 06:00:00.000000+00:00' AS TIMESTAMPTZ)
  ORDER BY
    history.tailnum,
    history.dbt_valid_from DESC NULLS LAST,
    NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC,
    history.dbt_is_deleted COLLATE "C" DESC NULLS LAST,
    history.lessor COLLATE "C" DESC NULLS LAST
) AS newest
WHERE
  _counts

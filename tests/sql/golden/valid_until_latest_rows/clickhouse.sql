WITH newest AS (
  /* contracts: the newest instant of each entity, known by then and not expired */
  SELECT
    history.tailnum AS tailnum,
    MAX(history.dbt_valid_from) AS _event_timestamp
  FROM "shop"."marts"."contracts" AS history
  WHERE
    NOT (
      history.tailnum IS NULL
    )
    AND history.dbt_valid_from <= toDateTime64('2024-03-01 06:00:00.000000', 6, 'UTC')
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
    history.tailnum AS tailnum,
    history.dbt_valid_from AS dbt_valid_from,
    CASE
      WHEN history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR history.dbt_valid_to >= toDateTime64('9999-12-31 00:00:00.000000', 6, 'UTC')
      THEN NULL
      ELSE history.dbt_valid_to + INTERVAL '6' HOUR
    END AS _featurestore_valid_until,
    history.lessor AS lessor,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY nullIf(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC, history.lessor DESC
    ) AS _rank,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR history.dbt_valid_to > (
        toDateTime64('2024-03-01 12:00:00.000000', 6, 'UTC') - INTERVAL '6' HOUR
      )
    )
    AND (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _counts
  FROM "shop"."marts"."contracts" AS history
  JOIN newest
    ON newest.tailnum = history.tailnum
    AND newest._event_timestamp = history.dbt_valid_from
  WHERE
    history.dbt_valid_from <= toDateTime64('2024-03-01 06:00:00.000000', 6, 'UTC')
) AS ranked
WHERE
  _rank = 1 AND _counts

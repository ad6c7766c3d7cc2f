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
      OR (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_to)
      ) >= CAST('9999-12-31 00:00:00.000000' AS TIMESTAMP_NTZ)
      THEN NULL
      ELSE (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_to)
      ) + INTERVAL '6' HOUR
    END AS _featurestore_valid_until,
    history.lessor,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.dbt_valid_from DESC, NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC, history.lessor DESC
    ) AS _rank,
    (
      history.dbt_valid_to IS NULL
      OR history.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_to)
      ) > (
        CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP_NTZ) - INTERVAL '6' HOUR
      )
    )
    AND (
      history.dbt_is_deleted IS NULL OR history.dbt_is_deleted <> 'True'
    ) AS _counts
  FROM `shop`.`marts`.`contracts` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.dbt_valid_from <= CAST('2024-03-01 06:00:00.000000+00:00' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1 AND _counts

WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    "at",
    CAST("at" AT TIME ZONE 'UTC' AS TIMESTAMP) AS _instant
  FROM flights
), contracts_asked AS (
  /* contracts: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    _instant
  FROM spine
  WHERE
    NOT tailnum IS NULL AND NOT _instant IS NULL
), contracts_chosen AS (
  /* contracts: the newest row known by then, ties decided */
  SELECT DISTINCT ON (asked.tailnum, asked._instant)
    asked.tailnum,
    asked._instant,
    newest._event_timestamp,
    newest.lessor,
    newest.dbt_valid_to,
    newest.dbt_is_deleted
  FROM contracts_asked AS asked
  CROSS JOIN LATERAL (
    SELECT
      history.dbt_valid_from AS _event_timestamp,
      history.lessor,
      history.dbt_valid_to,
      history.dbt_is_deleted
    FROM "shop"."marts"."contracts" AS history
    WHERE
      asked.tailnum = history.tailnum
      AND history.dbt_valid_from <= (
        asked._instant - INTERVAL '6 HOUR'
      ) AT TIME ZONE 'UTC'
    ORDER BY
      history.dbt_valid_from DESC
    FETCH FIRST 1 ROWS WITH TIES
  ) AS newest
  ORDER BY
    asked.tailnum,
    asked._instant,
    NULLIF(newest.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC,
    newest.dbt_is_deleted COLLATE "C" DESC NULLS LAST,
    newest.lessor COLLATE "C" DESC NULLS LAST
), contracts AS (
  /* contracts: the rows that have not ended by then */
  SELECT
    chosen.tailnum,
    chosen._instant,
    chosen._event_timestamp,
    chosen.lessor
  FROM contracts_chosen AS chosen
  WHERE
    (
      chosen.dbt_valid_to IS NULL
      OR chosen.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR chosen.dbt_valid_to AT TIME ZONE 'UTC' > (
        chosen._instant - INTERVAL '6 HOUR'
      )
    )
    AND (
      chosen.dbt_is_deleted IS NULL OR chosen.dbt_is_deleted <> 'True'
    )
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum,
  spine."at",
  contracts.lessor
FROM spine
LEFT JOIN contracts
  ON spine.tailnum = contracts.tailnum AND spine._instant = contracts._instant

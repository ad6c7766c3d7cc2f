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
), contracts_newest AS (
  /* contracts: the newest instant known by then */
  SELECT
    tailnum,
    _instant,
    _event_timestamp
  FROM (
    SELECT
      tailnum,
      _instant,
      MAX(_event_timestamp) OVER (PARTITION BY tailnum ORDER BY _known) AS _event_timestamp
    FROM (
      SELECT
        asked.tailnum,
        asked._instant,
        NULL AS _event_timestamp,
        asked._instant - INTERVAL '6 HOUR' AS _known
      FROM contracts_asked AS asked
      UNION ALL
      SELECT
        history.tailnum,
        NULL AS _instant,
        history.dbt_valid_from AS _event_timestamp,
        history.dbt_valid_from AT TIME ZONE 'UTC' AS _known
      FROM "shop"."marts"."contracts" AS history
    ) AS together
  ) AS newest
  WHERE
    NOT _instant IS NULL
), contracts_chosen AS (
  /* contracts: the row at that instant, ties decided */
  SELECT
    tailnum,
    _instant,
    _event_timestamp,
    lessor,
    dbt_valid_to,
    dbt_is_deleted
  FROM (
    SELECT
      newest.tailnum,
      newest._instant,
      newest._event_timestamp,
      history.lessor,
      history.dbt_valid_to,
      history.dbt_is_deleted,
      ROW_NUMBER() OVER (
        PARTITION BY newest.tailnum, newest._instant
        ORDER BY NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC, history.dbt_is_deleted COLLATE "C" DESC NULLS LAST, history.lessor COLLATE "C" DESC NULLS LAST
      ) AS _rank
    FROM contracts_newest AS newest
    JOIN "shop"."marts"."contracts" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.dbt_valid_from
  ) AS ranked
  WHERE
    _rank = 1
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

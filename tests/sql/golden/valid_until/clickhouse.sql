WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    "at",
    toDateTime64("at", 6, 'UTC') AS _instant
  FROM flights
), contracts_asked AS (
  /* contracts: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    _instant
  FROM spine
  WHERE
    NOT (
      tailnum IS NULL
    ) AND NOT (
      _instant IS NULL
    )
), contracts_newest AS (
  /* contracts: the newest instant known by then */
  SELECT
    asked.tailnum AS tailnum,
    asked._instant AS _instant,
    history.dbt_valid_from AS _event_timestamp
  FROM contracts_asked AS asked
  ASOF JOIN "shop"."marts"."contracts" AS history
    ON asked.tailnum = history.tailnum
    AND (
      asked._instant - INTERVAL '6' HOUR
    ) >= history.dbt_valid_from
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
      newest.tailnum AS tailnum,
      newest._instant AS _instant,
      newest._event_timestamp AS _event_timestamp,
      history.lessor AS lessor,
      history.dbt_valid_to AS dbt_valid_to,
      history.dbt_is_deleted AS dbt_is_deleted,
      ROW_NUMBER() OVER (
        PARTITION BY newest.tailnum, newest._instant
        ORDER BY nullIf(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC NULLS FIRST, history.dbt_is_deleted DESC, history.lessor DESC
      ) AS _rank
    FROM "shop"."marts"."contracts" AS history
    JOIN contracts_newest AS newest
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.dbt_valid_from
  ) AS ranked
  WHERE
    _rank = 1
), contracts AS (
  /* contracts: the rows that have not ended by then */
  SELECT
    chosen.tailnum AS tailnum,
    chosen._instant AS _instant,
    chosen._event_timestamp AS _event_timestamp,
    chosen.lessor AS lessor
  FROM contracts_chosen AS chosen
  WHERE
    (
      chosen.dbt_valid_to IS NULL
      OR chosen.dbt_valid_to = CAST('9999-12-31' AS DATE)
      OR chosen.dbt_valid_to > (
        chosen._instant - INTERVAL '6' HOUR
      )
    )
    AND (
      chosen.dbt_is_deleted IS NULL OR chosen.dbt_is_deleted <> 'True'
    )
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum AS tailnum,
  spine."at" AS "at",
  contracts.lessor AS lessor
FROM spine
LEFT JOIN contracts
  ON spine.tailnum = contracts.tailnum AND spine._instant = contracts._instant
SETTINGS join_use_nulls = 1

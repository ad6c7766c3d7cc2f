WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    at,
    CAST(CONVERT_TIMEZONE('UTC', at) AS TIMESTAMPNTZ) AS _instant
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
    asked.tailnum,
    asked._instant,
    history._event_timestamp
  FROM contracts_asked AS asked
  ASOF JOIN (
    SELECT
      history.tailnum,
      history.dbt_valid_from AS _event_timestamp,
      DATEADD(HOUR, 6, CAST(CONVERT_TIMEZONE('UTC', history.dbt_valid_from) AS TIMESTAMPNTZ)) AS _known
    FROM SHOP.MARTS.contracts AS history
    WHERE
      NOT history.dbt_valid_from IS NULL
  ) AS history MATCH_CONDITION (asked._instant >= history._known)
    ON asked.tailnum = history.tailnum
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
        ORDER BY NULLIF(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) DESC, history.dbt_is_deleted DESC NULLS LAST, history.lessor DESC NULLS LAST
      ) AS _rank
    FROM contracts_newest AS newest
    JOIN SHOP.MARTS.contracts AS history
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
      OR CAST(CONVERT_TIMEZONE('UTC', chosen.dbt_valid_to) AS TIMESTAMPNTZ) > DATEADD(HOUR, -6, chosen._instant)
    )
    AND (
      chosen.dbt_is_deleted IS NULL OR chosen.dbt_is_deleted <> 'True'
    )
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum,
  spine.at,
  contracts.lessor
FROM spine
LEFT JOIN contracts
  ON spine.tailnum = contracts.tailnum AND spine._instant = contracts._instant

WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    `at`,
    (
      CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(`at`)
    ) AS _instant
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
  /* contracts: the newest row known by then */
  SELECT
    tailnum,
    _instant,
    _values._event_timestamp,
    _values.lessor,
    _values.dbt_valid_to,
    _values.dbt_is_deleted
  FROM (
    SELECT
      tailnum,
      _instant,
      LAST(_values, TRUE) OVER (
        PARTITION BY tailnum
        ORDER BY _known, _instant, NULLIF(_values.dbt_valid_to, CAST('9999-12-31' AS DATE)) NULLS LAST, _values.dbt_is_deleted, _values.lessor
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS _values
    FROM (
      SELECT
        asked.tailnum,
        asked._instant,
        NULL AS _values,
        asked._instant - INTERVAL '6' HOUR AS _known
      FROM contracts_asked AS asked
      UNION ALL
      SELECT
        history.tailnum,
        NULL AS _instant,
        STRUCT(
          history.dbt_valid_from AS _event_timestamp,
          history.lessor,
          history.dbt_valid_to,
          history.dbt_is_deleted
        ) AS _values,
        (
          CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(history.dbt_valid_from)
        ) AS _known
      FROM `shop`.`marts`.`contracts` AS history
      WHERE
        NOT history.dbt_valid_from IS NULL
    ) AS together
  ) AS newest
  WHERE
    NOT _instant IS NULL AND NOT _values IS NULL
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
      OR (
        CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ) + INTERVAL '0.000001' SECOND * UNIX_MICROS(chosen.dbt_valid_to)
      ) > (
        chosen._instant - INTERVAL '6' HOUR
      )
    )
    AND (
      chosen.dbt_is_deleted IS NULL OR chosen.dbt_is_deleted <> 'True'
    )
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum,
  spine.`at`,
  contracts.lessor
FROM spine
LEFT JOIN contracts
  ON spine.tailnum = contracts.tailnum AND spine._instant = contracts._instant

WITH validities AS (
  /* contracts: the start and the end of each row */
  SELECT
    history.tailnum AS tailnum,
    history.dbt_valid_from AS _event,
    CASE
      WHEN nullIf(history.dbt_valid_to, CAST('9999-12-31' AS DATE)) IS NULL
      THEN NULL
      ELSE history.dbt_valid_to
    END AS _until
  FROM "shop"."marts"."contracts" AS history
  WHERE
    NOT (
      history.tailnum IS NULL
    ) AND NOT (
      history.dbt_valid_from IS NULL
    )
), ordered AS (
  /* contracts: each row with the start of the next one */
  SELECT
    tailnum,
    _until,
    LEAD(_event) OVER (PARTITION BY tailnum ORDER BY _event) AS _next
  FROM validities
  WHERE
    (
      _until IS NULL OR _until > _event
    )
)
/* contracts: the first key with two rows valid at one instant */
SELECT
  tailnum,
  MIN(_next) AS _featurestore_start,
  COUNT(1) OVER () AS _featurestore_count
FROM ordered
WHERE
  NOT (
    _next IS NULL
  ) AND (
    _until IS NULL OR _until > _next
  )
GROUP BY
  tailnum
HAVING
  COUNT(1) > 0
ORDER BY
  tailnum
LIMIT 1

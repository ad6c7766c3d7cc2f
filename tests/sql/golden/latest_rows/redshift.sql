/* plane_features: the newest row of each entity, ties decided */
SELECT
  tailnum,
  carrier,
  "at",
  loaded_at,
  seats,
  name,
  delay,
  "Order No"
FROM (
  SELECT
    history.tailnum,
    history.carrier,
    history."at",
    history.loaded_at,
    history.seats,
    history.name,
    history.delay,
    history."Order No",
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum, history.carrier
      ORDER BY history."at" DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
    ) AS _rank
  FROM "shop"."marts"."plane_features" AS history
  WHERE
    NOT history.tailnum IS NULL
    AND NOT history.carrier IS NULL
    AND history."at" AT TIME ZONE 'UTC' <= DATEADD(MINUTE, -90, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP))
    AND history."at" AT TIME ZONE 'UTC' >= DATEADD(
      MICROSECOND,
      -5000,
      DATEADD(DAY, -30, CAST('2024-03-01 12:00:00.000000' AS TIMESTAMP))
    )
) AS ranked
WHERE
  _rank = 1

/* plane_features: the newest row of each entity, ties decided */
SELECT DISTINCT ON (history.tailnum, history.carrier)
  history.tailnum,
  history.carrier,
  history."at",
  history.loaded_at,
  history.seats,
  history.name,
  history.delay,
  history."Order No"
FROM "shop"."marts"."plane_features" AS history
WHERE
  NOT history.tailnum IS NULL
  AND NOT history.carrier IS NULL
  AND history."at" <= CAST('2024-03-01 10:30:00.000000+00:00' AS TIMESTAMPTZ)
  AND history."at" >= CAST('2024-01-31 11:59:59.995000+00:00' AS TIMESTAMPTZ)
ORDER BY
  history.tailnum,
  history.carrier,
  history."at" DESC NULLS LAST,
  history.loaded_at DESC NULLS LAST,
  history.seats DESC NULLS LAST,
  history.name COLLATE "C" DESC NULLS LAST,
  history.delay DESC NULLS LAST,
  history."Order No" DESC NULLS LAST

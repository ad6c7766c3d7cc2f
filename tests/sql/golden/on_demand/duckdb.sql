WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    carrier,
    "at",
    due_at,
    left_at,
    CAST("at" AS TIMESTAMP) AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    carrier,
    _instant
  FROM spine
  WHERE
    NOT tailnum IS NULL AND NOT carrier IS NULL AND NOT _instant IS NULL
), plane_features_newest AS (
  /* plane_features: the newest instant known by then */
  SELECT
    asked.tailnum,
    asked.carrier,
    asked._instant,
    history."at" AS _event_timestamp
  FROM plane_features_asked AS asked
  ASOF JOIN "shop"."marts"."plane_features" AS history
    ON asked.tailnum = history.tailnum
    AND asked.carrier = history.carrier
    AND (
      asked._instant - INTERVAL '90' MINUTE
    ) >= history."at" AT TIME ZONE 'UTC'
  WHERE
    history."at" AT TIME ZONE 'UTC' >= (
      asked._instant - INTERVAL '2592000005' MILLISECOND
    )
), plane_features AS (
  /* plane_features: the row at that instant, ties decided */
  SELECT
    tailnum,
    carrier,
    _instant,
    _event_timestamp,
    seats,
    name
  FROM (
    SELECT
      newest.tailnum,
      newest.carrier,
      newest._instant,
      newest._event_timestamp,
      history.seats,
      history.name,
      ROW_NUMBER() OVER (
        PARTITION BY newest.tailnum, newest.carrier, newest._instant
        ORDER BY history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
      ) AS _rank
    FROM plane_features_newest AS newest
    JOIN "shop"."marts"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest.carrier = history.carrier
      AND newest._event_timestamp = history."at"
  ) AS ranked
  WHERE
    _rank = 1
), enriched AS (
  /* the entity rows with their features */
  SELECT
    spine.tailnum,
    spine.carrier,
    spine."at",
    spine.due_at,
    spine.left_at,
    plane_features.seats,
    plane_features.name
  FROM spine
  LEFT JOIN plane_features
    ON spine.tailnum = plane_features.tailnum
    AND spine.carrier = plane_features.carrier
    AND spine._instant = plane_features._instant
), computed AS (
  /* is_late: computed from the request and the features */
  SELECT
    tailnum,
    carrier,
    "at",
    due_at,
    left_at,
    seats,
    name,
    (
      CAST(CAST(left_at AT TIME ZONE 'UTC' AS TIMESTAMP) AS TIMESTAMP) > CAST(CAST(due_at AS TIMESTAMP) AS TIMESTAMP)
    ) AS is_late
  FROM enriched
), computed_2 AS (
  /* is_odd: computed from the request and the features */
  SELECT
    tailnum,
    carrier,
    "at",
    due_at,
    left_at,
    seats,
    name,
    is_late,
    (
      CAST(is_late AS BOOLEAN) OR CAST(name AS TEXT) = 'N1'
    ) AS is_odd
  FROM computed
)
/* the training set: every entity row exactly once */
SELECT
  tailnum,
  carrier,
  "at",
  due_at,
  left_at,
  seats,
  name,
  is_odd,
  is_late
FROM computed_2

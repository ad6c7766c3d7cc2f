WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    carrier,
    "at",
    due_at,
    left_at,
    toDateTime64("at", 6, 'UTC') AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    tailnum,
    carrier,
    _instant
  FROM spine
  WHERE
    NOT (
      tailnum IS NULL
    )
    AND NOT (
      carrier IS NULL
    )
    AND NOT (
      _instant IS NULL
    )
), plane_features_newest AS (
  /* plane_features: the newest instant known by then */
  SELECT
    asked.tailnum AS tailnum,
    asked.carrier AS carrier,
    asked._instant AS _instant,
    history."at" AS _event_timestamp
  FROM plane_features_asked AS asked
  ASOF JOIN "shop"."marts"."plane_features" AS history
    ON asked.tailnum = history.tailnum
    AND asked.carrier = history.carrier
    AND (
      asked._instant - INTERVAL '90' MINUTE
    ) >= history."at"
  WHERE
    history."at" >= (
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
      newest.tailnum AS tailnum,
      newest.carrier AS carrier,
      newest._instant AS _instant,
      newest._event_timestamp AS _event_timestamp,
      history.seats AS seats,
      history.name AS name,
      ROW_NUMBER() OVER (
        PARTITION BY newest.tailnum, newest.carrier, newest._instant
        ORDER BY history.loaded_at DESC, history.seats DESC, history.name DESC, isNaN(history.delay) DESC, history.delay DESC, history."Order No" DESC
      ) AS _rank
    FROM "shop"."marts"."plane_features" AS history
    JOIN plane_features_newest AS newest
      ON newest.tailnum = history.tailnum
      AND newest.carrier = history.carrier
      AND newest._event_timestamp = history."at"
  ) AS ranked
  WHERE
    _rank = 1
), enriched AS (
  /* the entity rows with their features */
  SELECT
    spine.tailnum AS tailnum,
    spine.carrier AS carrier,
    spine."at" AS "at",
    spine.due_at AS due_at,
    spine.left_at AS left_at,
    plane_features.seats AS seats,
    plane_features.name AS name
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
    CAST(CAST(toDateTime64(left_at, 6, 'UTC') AS Nullable(DateTime)) > CAST(toDateTime64(due_at, 6, 'UTC') AS Nullable(DateTime)) AS Nullable(Bool)) AS is_late
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
    CAST(CAST(is_late AS Nullable(Bool)) OR CAST(name AS Nullable(String)) = 'N1' AS Nullable(Bool)) AS is_odd
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
SETTINGS join_use_nulls = 1

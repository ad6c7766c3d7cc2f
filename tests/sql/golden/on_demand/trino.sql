WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    carrier,
    "at",
    due_at,
    left_at,
    CAST("at" AS TIMESTAMP(6)) AS _instant
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
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    tailnum,
    carrier,
    _instant,
    _event_timestamp,
    seats,
    name
  FROM (
    SELECT
      asked.tailnum,
      asked.carrier,
      asked._instant,
      history."at" AS _event_timestamp,
      history.seats,
      history.name,
      ROW_NUMBER() OVER (
        PARTITION BY asked.tailnum, asked.carrier, asked._instant
        ORDER BY history."at" DESC, history.loaded_at DESC, history.seats DESC, history.name DESC, history.delay DESC, history."Order No" DESC
      ) AS _rank
    FROM plane_features_asked AS asked
    JOIN "shop"."marts"."plane_features" AS history
      ON asked.tailnum = history.tailnum
      AND asked.carrier = history.carrier
      AND CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) <= (
        asked._instant - INTERVAL '90' MINUTE
      )
      AND CAST(AT_TIMEZONE(history."at", 'UTC') AS TIMESTAMP(6)) >= (
        asked._instant - INTERVAL '2592000.005' SECOND
      )
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
    CAST(CAST(CAST(AT_TIMEZONE(left_at, 'UTC') AS TIMESTAMP(6)) AS TIMESTAMP) > CAST(CAST(due_at AS TIMESTAMP(6)) AS TIMESTAMP) AS BOOLEAN) AS is_late
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
    CAST(CAST(is_late AS BOOLEAN) OR CAST(name AS VARCHAR) = 'N1' AS BOOLEAN) AS is_odd
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

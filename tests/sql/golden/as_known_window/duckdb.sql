WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tail,
    carrier,
    departed_at,
    CAST(departed_at AT TIME ZONE 'UTC' AS TIMESTAMP) AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    spine.tail AS tailnum,
    spine.carrier,
    spine._instant
  FROM spine
  WHERE
    NOT spine.tail IS NULL
    AND NOT spine.carrier IS NULL
    AND NOT spine._instant IS NULL
), plane_features AS (
  /* plane_features: the newest row known by then */
  SELECT
    tailnum,
    carrier,
    _instant,
    _event_timestamp,
    seats,
    "Order No"
  FROM (
    SELECT
      asked.tailnum,
      asked.carrier,
      asked._instant,
      history."at" AS _event_timestamp,
      history.seats,
      history."Order No",
      ROW_NUMBER() OVER (
        PARTITION BY asked.tailnum, asked.carrier, asked._instant
        ORDER BY history."at" DESC NULLS LAST, history.loaded_at DESC NULLS LAST, history.seats DESC NULLS LAST, history.name DESC NULLS LAST, history.delay DESC NULLS LAST, history."Order No" DESC NULLS LAST
      ) AS _rank
    FROM plane_features_asked AS asked
    JOIN "shop"."marts"."plane_features" AS history
      ON asked.tailnum = history.tailnum
      AND asked.carrier = history.carrier
      AND history."at" AT TIME ZONE 'UTC' <= (
        asked._instant - INTERVAL '90' MINUTE
      )
      AND history."at" AT TIME ZONE 'UTC' >= (
        asked._instant - INTERVAL '2592000005' MILLISECOND
      )
      AND (
        history.loaded_at <= asked._instant OR history.loaded_at IS NULL
      )
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine.tail,
  spine.carrier,
  spine.departed_at,
  plane_features.seats,
  plane_features."Order No",
  plane_features._event_timestamp AS plane_features__event_timestamp
FROM spine
LEFT JOIN plane_features
  ON spine.tail = plane_features.tailnum
  AND spine.carrier = plane_features.carrier
  AND spine._instant = plane_features._instant

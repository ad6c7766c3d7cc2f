WITH spine AS (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tail,
    carrier,
    departed_at,
    toDateTime64(departed_at, 6, 'UTC') AS _instant
  FROM flights
), plane_features_asked AS (
  /* plane_features: the distinct keys and instants to look up */
  SELECT DISTINCT
    spine.tail AS tailnum,
    spine.carrier AS carrier,
    spine._instant AS _instant
  FROM spine
  WHERE
    NOT (
      spine.tail IS NULL
    )
    AND NOT (
      spine.carrier IS NULL
    )
    AND NOT (
      spine._instant IS NULL
    )
), plane_features_newest AS (
  /* plane_features: the newest instant known by then */
  SELECT
    tailnum,
    carrier,
    _instant,
    _event_timestamp
  FROM (
    SELECT
      tailnum,
      carrier,
      _instant,
      MAX(_event_timestamp) OVER (PARTITION BY tailnum, carrier ORDER BY _known) AS _event_timestamp
    FROM (
      SELECT
        asked.tailnum AS tailnum,
        asked.carrier AS carrier,
        asked._instant AS _instant,
        NULL AS _event_timestamp,
        asked._instant - INTERVAL '90' MINUTE AS _known
      FROM plane_features_asked AS asked
      UNION ALL
      SELECT
        history.tailnum AS tailnum,
        history.carrier AS carrier,
        NULL AS _instant,
        history."at" AS _event_timestamp,
        history."at" AS _known
      FROM "shop"."marts"."plane_features" AS history
    ) AS together
  ) AS newest
  WHERE
    NOT (
      _instant IS NULL
    )
    AND _event_timestamp >= (
      _instant - INTERVAL '2592000005' MILLISECOND
    )
), plane_features AS (
  /* plane_features: the row at that instant, ties decided */
  SELECT
    tailnum,
    carrier,
    _instant,
    _event_timestamp,
    seats,
    "Order No"
  FROM (
    SELECT
      newest.tailnum AS tailnum,
      newest.carrier AS carrier,
      newest._instant AS _instant,
      newest._event_timestamp AS _event_timestamp,
      history.seats AS seats,
      history."Order No" AS "Order No",
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
), weather_asked AS (
  /* weather: the distinct keys and instants to look up */
  SELECT DISTINCT
    _instant
  FROM spine
  WHERE
    NOT (
      _instant IS NULL
    )
), weather_newest AS (
  /* weather: the newest instant known by then */
  SELECT
    _instant,
    _event_timestamp
  FROM (
    SELECT
      _instant,
      MAX(_event_timestamp) OVER (ORDER BY _known) AS _event_timestamp
    FROM (
      SELECT
        asked._instant AS _instant,
        NULL AS _event_timestamp,
        asked._instant AS _known
      FROM weather_asked AS asked
      UNION ALL
      SELECT
        NULL AS _instant,
        history."date" AS _event_timestamp,
        toDateTime64(history."date", 6, 'UTC') AS _known
      FROM "shop"."marts"."weather_features" AS history
    ) AS together
  ) AS newest
  WHERE
    NOT (
      _instant IS NULL
    )
), weather AS (
  /* weather: the row at that instant, ties decided */
  SELECT
    _instant,
    _event_timestamp,
    wind
  FROM (
    SELECT
      newest._instant AS _instant,
      newest._event_timestamp AS _event_timestamp,
      history.wind AS wind,
      ROW_NUMBER() OVER (PARTITION BY newest._instant ORDER BY isNaN(history.wind) DESC, history.wind DESC) AS _rank
    FROM "shop"."marts"."weather_features" AS history
    JOIN weather_newest AS newest
      ON newest._event_timestamp = history."date"
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine.tail AS tail,
  spine.carrier AS carrier,
  spine.departed_at AS departed_at,
  plane_features.seats AS seats,
  plane_features."Order No" AS "Order No",
  plane_features._event_timestamp AS plane_features__event_timestamp,
  weather.wind AS wind,
  weather._event_timestamp AS weather__event_timestamp
FROM spine
LEFT JOIN plane_features
  ON spine.tail = plane_features.tailnum
  AND spine.carrier = plane_features.carrier
  AND spine._instant = plane_features._instant
LEFT JOIN weather
  ON spine._instant = weather._instant
SETTINGS join_use_nulls = 1

-- Four views of one key, for the rows of a table, which are cheaper to read twice.
WITH spine AS NOT MATERIALIZED (
  /* the entity rows, each with its instant in UTC */
  SELECT
    tailnum,
    origin,
    dest,
    departed_at,
    event_timestamp,
    CAST(event_timestamp AS TIMESTAMP) AS _instant
  FROM flights
), first_asked AS MATERIALIZED (
  /* first, second, third, fourth: the distinct keys and instants to look up */
  SELECT
    tailnum,
    _instant,
    ROW_NUMBER() OVER () AS _key
  FROM (
    SELECT DISTINCT
      tailnum,
      _instant
    FROM spine
    WHERE
      NOT tailnum IS NULL AND NOT _instant IS NULL
  ) AS asked
), first_newest AS (
  /* first: the newest instant known by then */
  SELECT
    asked.tailnum,
    asked._key,
    history.observed_at AS _event_timestamp
  FROM first_asked AS asked
  ASOF JOIN "warehouse"."main"."plane_features" AS history
    ON asked.tailnum = history.tailnum AND asked._instant >= history.observed_at
  WHERE
    history.observed_at >= (
      asked._instant - INTERVAL '30' DAY
    )
), "first" AS (
  /* first: the row at that instant, ties decided */
  SELECT
    _key,
    _event_timestamp,
    delay
  FROM (
    SELECT
      newest._key,
      newest._event_timestamp,
      history.delay,
      ROW_NUMBER() OVER (
        PARTITION BY newest._key
        ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM first_newest AS newest
    JOIN "warehouse"."main"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.observed_at
  ) AS ranked
  WHERE
    _rank = 1
), second_newest AS (
  /* second: the newest instant known by then */
  SELECT
    asked.tailnum,
    asked._key,
    history.observed_at AS _event_timestamp
  FROM first_asked AS asked
  ASOF JOIN "warehouse"."main"."plane_features" AS history
    ON asked.tailnum = history.tailnum AND asked._instant >= history.observed_at
  WHERE
    history.observed_at >= (
      asked._instant - INTERVAL '30' DAY
    )
), second AS (
  /* second: the row at that instant, ties decided */
  SELECT
    _key,
    _event_timestamp,
    delay
  FROM (
    SELECT
      newest._key,
      newest._event_timestamp,
      history.delay,
      ROW_NUMBER() OVER (
        PARTITION BY newest._key
        ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM second_newest AS newest
    JOIN "warehouse"."main"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.observed_at
  ) AS ranked
  WHERE
    _rank = 1
), third_newest AS (
  /* third: the newest instant known by then */
  SELECT
    asked.tailnum,
    asked._key,
    history.observed_at AS _event_timestamp
  FROM first_asked AS asked
  ASOF JOIN "warehouse"."main"."plane_features" AS history
    ON asked.tailnum = history.tailnum AND asked._instant >= history.observed_at
  WHERE
    history.observed_at >= (
      asked._instant - INTERVAL '30' DAY
    )
), third AS (
  /* third: the row at that instant, ties decided */
  SELECT
    _key,
    _event_timestamp,
    delay
  FROM (
    SELECT
      newest._key,
      newest._event_timestamp,
      history.delay,
      ROW_NUMBER() OVER (
        PARTITION BY newest._key
        ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM third_newest AS newest
    JOIN "warehouse"."main"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.observed_at
  ) AS ranked
  WHERE
    _rank = 1
), fourth_newest AS (
  /* fourth: the newest instant known by then */
  SELECT
    asked.tailnum,
    asked._key,
    history.observed_at AS _event_timestamp
  FROM first_asked AS asked
  ASOF JOIN "warehouse"."main"."plane_features" AS history
    ON asked.tailnum = history.tailnum AND asked._instant >= history.observed_at
  WHERE
    history.observed_at >= (
      asked._instant - INTERVAL '30' DAY
    )
), fourth AS (
  /* fourth: the row at that instant, ties decided */
  SELECT
    _key,
    _event_timestamp,
    delay
  FROM (
    SELECT
      newest._key,
      newest._event_timestamp,
      history.delay,
      ROW_NUMBER() OVER (
        PARTITION BY newest._key
        ORDER BY history.loaded_at DESC NULLS LAST, history.delay DESC NULLS LAST, history.seats DESC NULLS LAST
      ) AS _rank
    FROM fourth_newest AS newest
    JOIN "warehouse"."main"."plane_features" AS history
      ON newest.tailnum = history.tailnum
      AND newest._event_timestamp = history.observed_at
  ) AS ranked
  WHERE
    _rank = 1
)
/* the training set: every entity row exactly once */
SELECT
  spine.tailnum,
  spine.origin,
  spine.dest,
  spine.departed_at,
  spine.event_timestamp,
  "first".delay AS first__delay,
  second.delay AS second__delay,
  third.delay AS third__delay,
  fourth.delay AS fourth__delay
FROM spine
LEFT JOIN first_asked
  ON spine.tailnum = first_asked.tailnum AND spine._instant = first_asked._instant
LEFT JOIN "first"
  ON first_asked._key = "first"._key
LEFT JOIN second
  ON first_asked._key = second._key
LEFT JOIN third
  ON first_asked._key = third._key
LEFT JOIN fourth
  ON first_asked._key = fourth._key;

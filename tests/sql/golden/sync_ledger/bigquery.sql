-- changes
SELECT tailnum, observed_at, written_at, delay, seats, weights, _featurestore_previous_event, _featurestore_previous_created, CASE WHEN _featurestore_op = 'delete' AND COALESCE(
  DATETIME(_featurestore_previous_event, 'UTC') < DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN 'lapse' ELSE _featurestore_op END AS _featurestore_op
FROM (
WITH latest AS (
SELECT * FROM newest
)
SELECT
  coalesce(latest.tailnum, published.tailnum) AS tailnum,
  latest.observed_at AS observed_at,
  latest.written_at AS written_at,
  latest.delay AS delay,
  latest.seats AS seats,
  latest.weights AS weights,
  published.observed_at AS _featurestore_previous_event,
  published.written_at AS _featurestore_previous_created,
  CASE WHEN latest.observed_at IS NULL THEN 'delete' ELSE 'upsert' END AS _featurestore_op
FROM latest AS latest
FULL OUTER JOIN published_rows AS published ON latest.tailnum = published.tailnum
WHERE latest.observed_at IS DISTINCT FROM published.observed_at OR latest.written_at IS DISTINCT FROM published.written_at OR latest.delay IS DISTINCT FROM published.delay OR CASE WHEN latest.delay = 0 THEN IEEE_DIVIDE(1, latest.delay) END IS DISTINCT FROM CASE WHEN published.delay = 0 THEN IEEE_DIVIDE(1, published.delay) END OR latest.seats IS DISTINCT FROM published.seats OR CAST(TO_JSON_STRING(latest.weights) AS BYTES) IS DISTINCT FROM CAST(TO_JSON_STRING(published.weights) AS BYTES) OR CAST(TO_JSON_STRING(ARRAY(SELECT IEEE_DIVIDE(1, e) FROM UNNEST(latest.weights) AS e WITH OFFSET AS place ORDER BY place)) AS BYTES) IS DISTINCT FROM CAST(TO_JSON_STRING(ARRAY(SELECT IEEE_DIVIDE(1, e) FROM UNNEST(published.weights) AS e WITH OFFSET AS place ORDER BY place)) AS BYTES)
) AS differences;

-- lapses
SELECT tailnum FROM changes WHERE _featurestore_op = 'lapse';

-- lapses told apart
SELECT changed.tailnum, changed.observed_at, changed.written_at, changed.delay, changed.seats, changed.weights, changed._featurestore_previous_event, changed._featurestore_previous_created, CASE WHEN changed._featurestore_op = 'lapse' AND known.observed_at IS NULL THEN 'delete' ELSE changed._featurestore_op END AS _featurestore_op
FROM changes AS changed LEFT JOIN (
SELECT * FROM known_rows
) AS known
ON changed._featurestore_op = 'lapse' AND known.tailnum = changed.tailnum AND known.observed_at = changed._featurestore_previous_event;

-- merge
MERGE INTO published_rows AS published USING changes AS changed ON published.tailnum = changed.tailnum
WHEN MATCHED AND changed._featurestore_op = 'upsert' THEN UPDATE SET tailnum = changed.tailnum, observed_at = changed.observed_at, written_at = changed.written_at, delay = changed.delay, seats = changed.seats, weights = changed.weights
WHEN MATCHED THEN DELETE
WHEN NOT MATCHED AND changed._featurestore_op = 'upsert' THEN INSERT (tailnum, observed_at, written_at, delay, seats, weights) VALUES (changed.tailnum, changed.observed_at, changed.written_at, changed.delay, changed.seats, changed.weights);

-- take the claim
MERGE INTO ledgers._featurestore_claims AS claims USING (SELECT 'shop' AS project) AS own ON claims.project = own.project
WHEN MATCHED THEN UPDATE SET run = 'r1', holder = 'process 1 on etl-1', seen_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (project, run, holder, seen_at) VALUES ('shop', 'r1', 'process 1 on etl-1', CURRENT_TIMESTAMP());

-- keep the claim
UPDATE ledgers._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = 'r1';

-- check the claim
SELECT (SELECT coalesce(min(run) = 'r1' AND max(run) = 'r1', FALSE) FROM ledgers._featurestore_claims WHERE project = 'shop') AS own;

-- read the holder
SELECT max(holder) AS holder FROM ledgers._featurestore_claims WHERE project = 'shop' AND run <> 'r1';

-- hash of all rows
SELECT CAST(SUM(CAST(FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(tailnum, delay))) AS BIGNUMERIC)) AS STRING) FROM newest;


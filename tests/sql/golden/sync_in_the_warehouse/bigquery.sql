-- 1
SELECT * FROM shop.features_online._featurestore_database WHERE 1 = 0;

-- 2
SELECT * FROM `shop`.`marts`.`owners` WHERE 1 = 0;

-- 3
SELECT tailnum, since, until, name FROM `shop`.`marts`.`owners` LIMIT 0;

-- 4
SELECT * FROM `shop`.`marts`.`plane_status` WHERE 1 = 0;

-- 5
SELECT tailnum, observed_at, written_at, delay, seats, note FROM `shop`.`marts`.`plane_status` LIMIT 0;

-- 6
SELECT * FROM `shop`.`marts`.`weather` WHERE 1 = 0;

-- 7
SELECT day, wind, storm FROM `shop`.`marts`.`weather` LIMIT 0;

-- 8
SELECT 1 AS n FROM shop.features_online.INFORMATION_SCHEMA.TABLES LIMIT 0;

-- 9
CREATE SCHEMA IF NOT EXISTS shop.features_online;

-- 10
CREATE TABLE IF NOT EXISTS shop.features_online._featurestore_claims (project STRING, run STRING, holder STRING, seen_at TIMESTAMP);

-- 11
MERGE INTO shop.features_online._featurestore_claims AS claims USING (SELECT 'shop' AS project) AS own ON claims.project = own.project
WHEN MATCHED THEN UPDATE SET run = '0000000000000000', holder = 'process 1 on etl-1', seen_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED THEN INSERT (project, run, holder, seen_at) VALUES ('shop', '0000000000000000', 'process 1 on etl-1', CURRENT_TIMESTAMP());

-- 12
CREATE TABLE IF NOT EXISTS shop.features_online._featurestore_database (id STRING);

-- 13
SELECT min(id) AS id FROM shop.features_online._featurestore_database;

-- 14
INSERT INTO shop.features_online._featurestore_database SELECT '0000000000000000' FROM (SELECT 1 AS n) AS one WHERE NOT EXISTS (SELECT 1 FROM shop.features_online._featurestore_database);

-- 15
CREATE TABLE IF NOT EXISTS shop.features_online._featurestore_sync (project STRING, view STRING, epoch STRING, dirty BOOL, layout STRING);

-- 16
CREATE TABLE IF NOT EXISTS shop.features_online._featurestore_tables (project STRING, view STRING, name STRING, is_current BOOL);

-- 17
CREATE TABLE IF NOT EXISTS shop.features_online._featurestore_held_back (project STRING, view STRING, reason STRING);

-- 18
SELECT * FROM shop.features_online._featurestore_sync WHERE 1 = 0;

-- 19
SELECT view FROM shop.features_online._featurestore_sync WHERE project = 'shop' ORDER BY view;

-- 20
SELECT epoch, dirty, layout FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'owners';

-- 21
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'owners';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'owners', '', True, '{"schema": "0525bf89", "columns": [["tailnum", "int64"], ["since", "timestamp[us, tz=UTC]"], ["_featurestore_valid_until", "timestamp[us]"], ["name", "string"]], "event": "since", "created": null, "ttl": 25920000000000}');
COMMIT TRANSACTION;

-- 22
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
INSERT INTO shop.features_online._featurestore_tables VALUES ('shop', 'owners', '_featurestore_published__shop__owners__0000000000000000', FALSE);
COMMIT TRANSACTION;

-- 23
CREATE OR REPLACE TABLE shop.features_online._featurestore_published__shop__owners__0000000000000000 AS /* owners: the newest row of each entity, ties decided */
SELECT
  tailnum,
  since,
  _featurestore_valid_until,
  name
FROM (
  SELECT
    history.tailnum,
    history.since,
    CASE
      WHEN DATETIME(history.until, 'UTC') >= CAST('9999-12-31 00:00:00.000000' AS DATETIME)
      THEN NULL
      ELSE DATETIME(history.until, 'UTC')
    END AS _featurestore_valid_until,
    history.name,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.since DESC, history.until DESC NULLS FIRST, history.name DESC
    ) AS _rank,
    (
      history.until IS NULL
      OR DATETIME(history.until, 'UTC') > CAST('2024-03-30 00:00:00.000001' AS DATETIME)
    ) AS _counts
  FROM `shop`.`marts`.`owners` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.since <= CAST('2024-03-31 00:00:00.000000+00:00' AS TIMESTAMP)
    AND history.since >= CAST('2023-06-04 00:00:00.000001+00:00' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1 AND _counts;

-- 24
SELECT count(*) FROM shop.features_online._featurestore_published__shop__owners__0000000000000000;

-- 25
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
UPDATE shop.features_online._featurestore_tables SET is_current = (name = '_featurestore_published__shop__owners__0000000000000000') WHERE project = 'shop' AND view = 'owners';
COMMIT TRANSACTION;

-- 26
SELECT * FROM shop.features_online._featurestore_tables WHERE 1 = 0;

-- 27
SELECT name, is_current FROM shop.features_online._featurestore_tables WHERE project = 'shop' AND view = 'owners';

-- 28
SELECT count(*) AS n, count(CASE WHEN NOT COALESCE(
  DATETIME(since, 'UTC') < DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(_featurestore_valid_until <= CAST('2024-03-31 00:00:00.000000' AS DATETIME), FALSE) THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT COALESCE(
  DATETIME(since, 'UTC') < DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(_featurestore_valid_until <= CAST('2024-03-31 00:00:00.000000' AS DATETIME), FALSE) THEN since END) AS newest FROM shop.features_online._featurestore_published__shop__owners__0000000000000000;

-- 29
SELECT * FROM shop.features_online._featurestore_published__shop__owners__0000000000000000;

-- 30
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'owners';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'owners', '0000000000000000', False, '{"schema": "0525bf89", "columns": [["tailnum", "int64"], ["since", "timestamp[us, tz=UTC]"], ["_featurestore_valid_until", "timestamp[us]"], ["name", "string"]], "event": "since", "created": null, "ttl": 25920000000000}');
COMMIT TRANSACTION;

-- 31
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_held_back WHERE project = 'shop' AND view = 'owners';
COMMIT TRANSACTION;

-- 32
SELECT epoch, dirty, layout FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'plane_status';

-- 33
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'plane_status';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'plane_status', '', True, '{"schema": "9d62ae55", "columns": [["tailnum", "string"], ["observed_at", "timestamp[us]"], ["written_at", "timestamp[us]"], ["delay", "double"], ["seats", "int32"], ["note", "string"]], "event": "observed_at", "created": "written_at", "ttl": 2592000000000}');
COMMIT TRANSACTION;

-- 34
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
INSERT INTO shop.features_online._featurestore_tables VALUES ('shop', 'plane_status', '_featurestore_published__shop__plane_status__0000000000000000', FALSE);
COMMIT TRANSACTION;

-- 35
CREATE OR REPLACE TABLE shop.features_online._featurestore_published__shop__plane_status__0000000000000000 AS /* plane_status: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  note
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.note,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, history.note DESC
    ) AS _rank
  FROM `shop`.`marts`.`plane_status` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-31 00:00:00.000000' AS DATETIME)
    AND history.observed_at >= CAST('2024-02-29 00:00:00.000001' AS DATETIME)
) AS ranked
WHERE
  _rank = 1;

-- 36
SELECT count(*) FROM shop.features_online._featurestore_published__shop__plane_status__0000000000000000;

-- 37
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
UPDATE shop.features_online._featurestore_tables SET is_current = (name = '_featurestore_published__shop__plane_status__0000000000000000') WHERE project = 'shop' AND view = 'plane_status';
COMMIT TRANSACTION;

-- 38
SELECT name, is_current FROM shop.features_online._featurestore_tables WHERE project = 'shop' AND view = 'plane_status';

-- 39
SELECT count(*) AS n, count(CASE WHEN NOT COALESCE(
  CAST(observed_at AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT COALESCE(
  CAST(observed_at AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 00:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN observed_at END) AS newest FROM shop.features_online._featurestore_published__shop__plane_status__0000000000000000;

-- 40
SELECT * FROM shop.features_online._featurestore_published__shop__plane_status__0000000000000000;

-- 41
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'plane_status';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'plane_status', '0000000000000000', False, '{"schema": "9d62ae55", "columns": [["tailnum", "string"], ["observed_at", "timestamp[us]"], ["written_at", "timestamp[us]"], ["delay", "double"], ["seats", "int32"], ["note", "string"]], "event": "observed_at", "created": "written_at", "ttl": 2592000000000}');
COMMIT TRANSACTION;

-- 42
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_held_back WHERE project = 'shop' AND view = 'plane_status';
COMMIT TRANSACTION;

-- 43
SELECT epoch, dirty, layout FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'weather';

-- 44
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'weather';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'weather', '', True, '{"schema": "958b495e", "columns": [["day", "date32[day]"], ["wind", "double"], ["storm", "bool"]], "event": "day", "created": null, "ttl": null}');
COMMIT TRANSACTION;

-- 45
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
INSERT INTO shop.features_online._featurestore_tables VALUES ('shop', 'weather', '_featurestore_published__shop__weather__0000000000000000', FALSE);
COMMIT TRANSACTION;

-- 46
CREATE OR REPLACE TABLE shop.features_online._featurestore_published__shop__weather__0000000000000000 AS /* weather: the newest row of each entity, ties decided */
SELECT
  day,
  wind,
  storm
FROM (
  SELECT
    history.day,
    history.wind,
    history.storm,
    ROW_NUMBER() OVER (
      ORDER BY history.day DESC, IS_NAN(history.wind) DESC, history.wind DESC, history.storm DESC
    ) AS _rank
  FROM `shop`.`marts`.`weather` AS history
  WHERE
    history.day <= CAST('2024-03-31' AS DATE)
) AS ranked
WHERE
  _rank = 1;

-- 47
SELECT count(*) FROM shop.features_online._featurestore_published__shop__weather__0000000000000000;

-- 48
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
UPDATE shop.features_online._featurestore_tables SET is_current = (name = '_featurestore_published__shop__weather__0000000000000000') WHERE project = 'shop' AND view = 'weather';
COMMIT TRANSACTION;

-- 49
SELECT name, is_current FROM shop.features_online._featurestore_tables WHERE project = 'shop' AND view = 'weather';

-- 50
SELECT count(*) AS n, count(CASE WHEN NOT FALSE THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT FALSE THEN day END) AS newest FROM shop.features_online._featurestore_published__shop__weather__0000000000000000;

-- 51
SELECT * FROM shop.features_online._featurestore_published__shop__weather__0000000000000000;

-- 52
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'weather';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'weather', '0000000000000000', False, '{"schema": "958b495e", "columns": [["day", "date32[day]"], ["wind", "double"], ["storm", "bool"]], "event": "day", "created": null, "ttl": null}');
COMMIT TRANSACTION;

-- 53
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_held_back WHERE project = 'shop' AND view = 'weather';
COMMIT TRANSACTION;

-- 54
SELECT * FROM shop.features_online._featurestore_published__shop__owners__0000000000000000 WHERE 1 = 0;

-- 55
CREATE TABLE `shop`.`marts`.`_featurestore_changes_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT tailnum, since, _featurestore_valid_until, name, _featurestore_previous_event, _featurestore_previous_end, CASE WHEN _featurestore_op = 'delete' AND COALESCE(
  DATETIME(_featurestore_previous_event, 'UTC') < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(
  _featurestore_previous_end <= CAST('2024-03-31 18:00:00.000000' AS DATETIME),
  FALSE
) THEN 'lapse' ELSE _featurestore_op END AS _featurestore_op
FROM (
WITH latest AS (
/* owners: the newest row of each entity, ties decided */
SELECT
  tailnum,
  since,
  _featurestore_valid_until,
  name
FROM (
  SELECT
    history.tailnum,
    history.since,
    CASE
      WHEN DATETIME(history.until, 'UTC') >= CAST('9999-12-31 00:00:00.000000' AS DATETIME)
      THEN NULL
      ELSE DATETIME(history.until, 'UTC')
    END AS _featurestore_valid_until,
    history.name,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.since DESC, history.until DESC NULLS FIRST, history.name DESC
    ) AS _rank,
    (
      history.until IS NULL
      OR DATETIME(history.until, 'UTC') > CAST('2024-03-30 18:00:00.000001' AS DATETIME)
    ) AS _counts
  FROM `shop`.`marts`.`owners` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.since <= CAST('2024-03-31 18:00:00.000000+00:00' AS TIMESTAMP)
    AND history.since >= CAST('2023-06-04 18:00:00.000001+00:00' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1 AND _counts
)
SELECT
  coalesce(latest.tailnum, published.tailnum) AS tailnum,
  latest.since AS since,
  latest._featurestore_valid_until AS _featurestore_valid_until,
  latest.name AS name,
  published.since AS _featurestore_previous_event,
  published._featurestore_valid_until AS _featurestore_previous_end,
  CASE WHEN latest.since IS NULL THEN 'delete' ELSE 'upsert' END AS _featurestore_op
FROM latest AS latest
FULL OUTER JOIN shop.features_online._featurestore_published__shop__owners__0000000000000000 AS published ON latest.tailnum = published.tailnum
WHERE latest.since IS DISTINCT FROM published.since OR CAST(TO_JSON_STRING(latest._featurestore_valid_until) AS BYTES) IS DISTINCT FROM CAST(TO_JSON_STRING(published._featurestore_valid_until) AS BYTES) OR CAST(TO_JSON_STRING(latest.name) AS BYTES) IS DISTINCT FROM CAST(TO_JSON_STRING(published.name) AS BYTES)
) AS differences;

-- 56
CREATE TABLE `shop`.`marts`.`_featurestore_lapsed_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT tailnum FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` WHERE _featurestore_op = 'lapse';

-- 57
SELECT count(*) AS n FROM `shop`.`marts`.`_featurestore_lapsed_0000000000000000`;

-- 58
SELECT _featurestore_op AS op, count(*) AS n FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` GROUP BY _featurestore_op;

-- 59
SELECT count(*) AS n, count(CASE WHEN NOT COALESCE(
  DATETIME(since, 'UTC') < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(_featurestore_valid_until <= CAST('2024-03-31 18:00:00.000000' AS DATETIME), FALSE) THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT COALESCE(
  DATETIME(since, 'UTC') < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(_featurestore_valid_until <= CAST('2024-03-31 18:00:00.000000' AS DATETIME), FALSE) THEN since END) AS newest FROM shop.features_online._featurestore_published__shop__owners__0000000000000000;

-- 60
SELECT * FROM shop.features_online._featurestore_published__shop__plane_status__0000000000000000 WHERE 1 = 0;

-- 61
CREATE TABLE `shop`.`marts`.`_featurestore_changes_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT tailnum, observed_at, written_at, delay, seats, note, _featurestore_previous_event, _featurestore_previous_created, CASE WHEN _featurestore_op = 'delete' AND COALESCE(
  CAST(_featurestore_previous_event AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN 'lapse' ELSE _featurestore_op END AS _featurestore_op
FROM (
WITH latest AS (
/* plane_status: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  note
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.note,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, history.note DESC
    ) AS _rank
  FROM `shop`.`marts`.`plane_status` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-31 18:00:00.000000' AS DATETIME)
    AND history.observed_at >= CAST('2024-02-29 18:00:00.000001' AS DATETIME)
) AS ranked
WHERE
  _rank = 1
)
SELECT
  coalesce(latest.tailnum, published.tailnum) AS tailnum,
  latest.observed_at AS observed_at,
  latest.written_at AS written_at,
  latest.delay AS delay,
  latest.seats AS seats,
  latest.note AS note,
  published.observed_at AS _featurestore_previous_event,
  published.written_at AS _featurestore_previous_created,
  CASE WHEN latest.observed_at IS NULL THEN 'delete' ELSE 'upsert' END AS _featurestore_op
FROM latest AS latest
FULL OUTER JOIN shop.features_online._featurestore_published__shop__plane_status__0000000000000000 AS published ON latest.tailnum = published.tailnum
WHERE latest.observed_at IS DISTINCT FROM published.observed_at OR latest.written_at IS DISTINCT FROM published.written_at OR latest.delay IS DISTINCT FROM published.delay OR CASE WHEN latest.delay = 0 THEN IEEE_DIVIDE(1, latest.delay) END IS DISTINCT FROM CASE WHEN published.delay = 0 THEN IEEE_DIVIDE(1, published.delay) END OR latest.seats IS DISTINCT FROM published.seats OR CAST(TO_JSON_STRING(latest.note) AS BYTES) IS DISTINCT FROM CAST(TO_JSON_STRING(published.note) AS BYTES)
) AS differences;

-- 62
CREATE TABLE `shop`.`marts`.`_featurestore_settled_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT changed.tailnum, changed.observed_at, changed.written_at, changed.delay, changed.seats, changed.note, changed._featurestore_previous_event, changed._featurestore_previous_created, CASE WHEN changed._featurestore_op = 'lapse' AND known.observed_at IS NULL THEN 'delete' ELSE changed._featurestore_op END AS _featurestore_op
FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` AS changed LEFT JOIN (
/* plane_status: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  note
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.note,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, history.note DESC
    ) AS _rank
  FROM `shop`.`marts`.`plane_status` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-31 18:00:00.000000' AS DATETIME)
    AND EXISTS(
      SELECT
        1
      FROM `shop`.`marts`.`_featurestore_lapsed_0000000000000000` AS listed
      WHERE
        listed.tailnum = history.tailnum
    )
) AS ranked
WHERE
  _rank = 1
) AS known
ON changed._featurestore_op = 'lapse' AND known.tailnum = changed.tailnum AND known.observed_at = changed._featurestore_previous_event;

-- 63
SELECT _featurestore_op AS op, count(*) AS n FROM `shop`.`marts`.`_featurestore_settled_0000000000000000` GROUP BY _featurestore_op;

-- 64
SELECT * FROM `shop`.`marts`.`_featurestore_settled_0000000000000000` WHERE _featurestore_op = 'delete';

-- 65
SELECT * FROM `shop`.`marts`.`_featurestore_settled_0000000000000000` WHERE _featurestore_op = 'upsert';

-- 66
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
MERGE INTO shop.features_online._featurestore_published__shop__plane_status__0000000000000000 AS published USING `shop`.`marts`.`_featurestore_settled_0000000000000000` AS changed ON published.tailnum = changed.tailnum
WHEN MATCHED AND changed._featurestore_op = 'upsert' THEN UPDATE SET tailnum = changed.tailnum, observed_at = changed.observed_at, written_at = changed.written_at, delay = changed.delay, seats = changed.seats, note = changed.note
WHEN MATCHED THEN DELETE
WHEN NOT MATCHED AND changed._featurestore_op = 'upsert' THEN INSERT (tailnum, observed_at, written_at, delay, seats, note) VALUES (changed.tailnum, changed.observed_at, changed.written_at, changed.delay, changed.seats, changed.note);
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'plane_status';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'plane_status', '0000000000000000', False, '{"schema": "9d62ae55", "columns": [["tailnum", "string"], ["observed_at", "timestamp[us]"], ["written_at", "timestamp[us]"], ["delay", "double"], ["seats", "int32"], ["note", "string"]], "event": "observed_at", "created": "written_at", "ttl": 2592000000000}');
COMMIT TRANSACTION;

-- 67
DROP TABLE `shop`.`marts`.`_featurestore_settled_0000000000000000`;

-- 68
SELECT count(*) AS n, count(CASE WHEN NOT COALESCE(
  CAST(observed_at AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT COALESCE(
  CAST(observed_at AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN observed_at END) AS newest FROM shop.features_online._featurestore_published__shop__plane_status__0000000000000000;

-- 69
SELECT * FROM shop.features_online._featurestore_published__shop__weather__0000000000000000 WHERE 1 = 0;

-- 70
CREATE TABLE `shop`.`marts`.`_featurestore_changes_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT day, wind, storm, _featurestore_previous_event, CASE WHEN _featurestore_op = 'delete' AND FALSE THEN 'lapse' ELSE _featurestore_op END AS _featurestore_op
FROM (
WITH latest AS (
/* weather: the newest row of each entity, ties decided */
SELECT
  day,
  wind,
  storm
FROM (
  SELECT
    history.day,
    history.wind,
    history.storm,
    ROW_NUMBER() OVER (
      ORDER BY history.day DESC, IS_NAN(history.wind) DESC, history.wind DESC, history.storm DESC
    ) AS _rank
  FROM `shop`.`marts`.`weather` AS history
  WHERE
    history.day <= CAST('2024-03-31' AS DATE)
) AS ranked
WHERE
  _rank = 1
)
SELECT
  latest.day AS day,
  latest.wind AS wind,
  latest.storm AS storm,
  published.day AS _featurestore_previous_event,
  CASE WHEN latest.day IS NULL THEN 'delete' ELSE 'upsert' END AS _featurestore_op
FROM (SELECT *, 1 AS _featurestore_one FROM latest AS t) AS latest
FULL OUTER JOIN (SELECT *, 1 AS _featurestore_one FROM shop.features_online._featurestore_published__shop__weather__0000000000000000 AS t) AS published ON latest._featurestore_one = published._featurestore_one
WHERE latest.day IS DISTINCT FROM published.day OR latest.wind IS DISTINCT FROM published.wind OR CASE WHEN latest.wind = 0 THEN IEEE_DIVIDE(1, latest.wind) END IS DISTINCT FROM CASE WHEN published.wind = 0 THEN IEEE_DIVIDE(1, published.wind) END OR latest.storm IS DISTINCT FROM published.storm
) AS differences;

-- 71
CREATE TABLE `shop`.`marts`.`_featurestore_lapsed_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT 1 AS lapsed FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` WHERE _featurestore_op = 'lapse';

-- 72
SELECT * FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` WHERE _featurestore_op = 'delete';

-- 73
SELECT * FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` WHERE _featurestore_op = 'upsert';

-- 74
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_published__shop__weather__0000000000000000 AS published WHERE EXISTS (SELECT 1 FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` AS gone WHERE TRUE);
INSERT INTO shop.features_online._featurestore_published__shop__weather__0000000000000000 (day, wind, storm) SELECT day, wind, storm FROM `shop`.`marts`.`_featurestore_changes_0000000000000000` WHERE _featurestore_op = 'upsert';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'weather';
INSERT INTO shop.features_online._featurestore_sync VALUES ('shop', 'weather', '0000000000000000', False, '{"schema": "958b495e", "columns": [["day", "date32[day]"], ["wind", "double"], ["storm", "bool"]], "event": "day", "created": null, "ttl": null}');
COMMIT TRANSACTION;

-- 75
DROP TABLE `shop`.`marts`.`_featurestore_changes_0000000000000000`;

-- 76
DROP TABLE IF EXISTS `shop`.`marts`.`_featurestore_lapsed_0000000000000000`;

-- 77
DROP TABLE IF EXISTS `shop`.`marts`.`_featurestore_changes_0000000000000000`;

-- 78
DROP TABLE IF EXISTS `shop`.`marts`.`_featurestore_settled_0000000000000000`;

-- 79
CREATE TABLE `shop`.`marts`.`_featurestore_newest_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
/* owners: the newest row of each entity, ties decided */
SELECT
  tailnum,
  since,
  _featurestore_valid_until,
  name
FROM (
  SELECT
    history.tailnum,
    history.since,
    CASE
      WHEN DATETIME(history.until, 'UTC') >= CAST('9999-12-31 00:00:00.000000' AS DATETIME)
      THEN NULL
      ELSE DATETIME(history.until, 'UTC')
    END AS _featurestore_valid_until,
    history.name,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.since DESC, history.until DESC NULLS FIRST, history.name DESC
    ) AS _rank,
    (
      history.until IS NULL
      OR DATETIME(history.until, 'UTC') > CAST('2024-03-30 18:00:00.000001' AS DATETIME)
    ) AS _counts
  FROM `shop`.`marts`.`owners` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.since <= CAST('2024-03-31 18:00:00.000000+00:00' AS TIMESTAMP)
    AND history.since >= CAST('2023-06-04 18:00:00.000001+00:00' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1 AND _counts;

-- 80
CREATE TABLE `shop`.`marts`.`_featurestore_ended_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
/* owners: the newest row of each entity, ties decided */
SELECT
  tailnum,
  since,
  _featurestore_valid_until,
  name
FROM (
  SELECT
    history.tailnum,
    history.since,
    CASE
      WHEN DATETIME(history.until, 'UTC') >= CAST('9999-12-31 00:00:00.000000' AS DATETIME)
      THEN NULL
      ELSE DATETIME(history.until, 'UTC')
    END AS _featurestore_valid_until,
    history.name,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.since DESC, history.until DESC NULLS FIRST, history.name DESC
    ) AS _rank,
    NOT (
      history.until IS NULL
      OR DATETIME(history.until, 'UTC') > CAST('2024-03-31 18:00:00.000000' AS DATETIME)
    ) AS _counts
  FROM `shop`.`marts`.`owners` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.since <= CAST('2024-03-31 18:00:00.000000+00:00' AS TIMESTAMP)
    AND history.since >= CAST('2023-06-05 18:00:00.000000+00:00' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1 AND _counts;

-- 81
SELECT count(*) AS n, count(CASE WHEN NOT COALESCE(
  DATETIME(since, 'UTC') < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(_featurestore_valid_until <= CAST('2024-03-31 18:00:00.000000' AS DATETIME), FALSE) THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT COALESCE(
  DATETIME(since, 'UTC') < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 300 DAY),
  FALSE
)
OR COALESCE(_featurestore_valid_until <= CAST('2024-03-31 18:00:00.000000' AS DATETIME), FALSE) THEN since END) AS newest FROM `shop`.`marts`.`_featurestore_newest_0000000000000000`;

-- 82
CREATE TABLE `shop`.`marts`.`_featurestore_found_0000000000000000` (`_featurestore_key` BYTES, `tailnum` INT64) OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY));

-- 83
INSERT INTO `shop`.`marts`.`_featurestore_found_0000000000000000` VALUES (FROM_BASE64("ZnM6c2hvcDpvd25lcnM6ezF9"), 1), (FROM_BASE64("ZnM6c2hvcDpvd25lcnM6ezJ9"), 2);

-- 84
SELECT found._featurestore_key FROM `shop`.`marts`.`_featurestore_found_0000000000000000` AS found LEFT JOIN (SELECT asked._featurestore_key FROM `shop`.`marts`.`_featurestore_newest_0000000000000000` AS known JOIN `shop`.`marts`.`_featurestore_found_0000000000000000` AS asked ON known.tailnum = asked.tailnum) AS kept ON kept._featurestore_key = found._featurestore_key WHERE kept._featurestore_key IS NULL;

-- 85
CREATE OR REPLACE TABLE shop.features_online._featurestore_published__shop__owners__0000000000000000 AS /* owners: the newest row of each entity, ties decided */
SELECT
  tailnum,
  since,
  _featurestore_valid_until,
  name
FROM (
  SELECT
    history.tailnum,
    history.since,
    CASE
      WHEN DATETIME(history.until, 'UTC') >= CAST('9999-12-31 00:00:00.000000' AS DATETIME)
      THEN NULL
      ELSE DATETIME(history.until, 'UTC')
    END AS _featurestore_valid_until,
    history.name,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.since DESC, history.until DESC NULLS FIRST, history.name DESC
    ) AS _rank,
    (
      history.until IS NULL
      OR DATETIME(history.until, 'UTC') > CAST('2024-03-30 18:00:00.000001' AS DATETIME)
    ) AS _counts
  FROM `shop`.`marts`.`owners` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.since <= CAST('2024-03-31 18:00:00.000000+00:00' AS TIMESTAMP)
    AND history.since >= CAST('2023-06-04 18:00:00.000001+00:00' AS TIMESTAMP)
) AS ranked
WHERE
  _rank = 1 AND _counts;

-- 86
DROP TABLE IF EXISTS shop.features_online._featurestore_published__shop__owners__0000000000000000;

-- 87
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_tables WHERE name IN ('_featurestore_published__shop__owners__0000000000000000');
COMMIT TRANSACTION;

-- 88
CREATE TABLE `shop`.`marts`.`_featurestore_newest_0000000000000000` OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)) AS
SELECT tailnum, (
  _featurestore_event
) AS observed_at FROM (
/* plane_status: the newest instant of each entity, known by then and not expired */
SELECT
  history.tailnum,
  MAX(history.observed_at) AS _featurestore_event
FROM `shop`.`marts`.`plane_status` AS history
WHERE
  NOT history.tailnum IS NULL
  AND history.observed_at <= CAST('2024-03-31 18:00:00.000000' AS DATETIME)
  AND history.observed_at >= CAST('2024-02-29 18:00:00.000001' AS DATETIME)
GROUP BY
  history.tailnum
) AS newest;

-- 89
SELECT count(*) AS n, count(CASE WHEN NOT COALESCE(
  CAST(observed_at AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN 1 END) AS alive, max(CASE WHEN TRUE AND NOT COALESCE(
  CAST(observed_at AS DATETIME) < DATETIME_SUB(CAST('2024-03-31 18:00:00.000000' AS DATETIME), INTERVAL 30 DAY),
  FALSE
) THEN observed_at END) AS newest FROM `shop`.`marts`.`_featurestore_newest_0000000000000000`;

-- 90
CREATE TABLE `shop`.`marts`.`_featurestore_found_0000000000000000` (`_featurestore_key` BYTES, `tailnum` STRING) OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY));

-- 91
INSERT INTO `shop`.`marts`.`_featurestore_found_0000000000000000` VALUES (FROM_BASE64("ZnM6c2hvcDpwbGFuZV9zdGF0dXM6e04wfQ=="), "N0"), (FROM_BASE64("ZnM6c2hvcDpwbGFuZV9zdGF0dXM6e04xfQ=="), "N1"), (FROM_BASE64("ZnM6c2hvcDpwbGFuZV9zdGF0dXM6e04zfQ=="), "N3");

-- 92
CREATE OR REPLACE TABLE shop.features_online._featurestore_published__shop__plane_status__0000000000000000 AS /* plane_status: the newest row of each entity, ties decided */
SELECT
  tailnum,
  observed_at,
  written_at,
  delay,
  seats,
  note
FROM (
  SELECT
    history.tailnum,
    history.observed_at,
    history.written_at,
    history.delay,
    history.seats,
    history.note,
    ROW_NUMBER() OVER (
      PARTITION BY history.tailnum
      ORDER BY history.observed_at DESC, history.written_at DESC, IS_NAN(history.delay) DESC, history.delay DESC, history.seats DESC, history.note DESC
    ) AS _rank
  FROM `shop`.`marts`.`plane_status` AS history
  WHERE
    NOT history.tailnum IS NULL
    AND history.observed_at <= CAST('2024-03-31 18:00:00.000000' AS DATETIME)
    AND history.observed_at >= CAST('2024-02-29 18:00:00.000001' AS DATETIME)
) AS ranked
WHERE
  _rank = 1;

-- 93
DROP TABLE IF EXISTS shop.features_online._featurestore_published__shop__plane_status__0000000000000000;

-- 94
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_tables WHERE name IN ('_featurestore_published__shop__plane_status__0000000000000000');
COMMIT TRANSACTION;

-- 95
DROP TABLE IF EXISTS shop.features_online._featurestore_published__shop__weather__0000000000000000;

-- 96
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_tables WHERE name IN ('_featurestore_published__shop__weather__0000000000000000');
COMMIT TRANSACTION;

-- 97
DROP TABLE IF EXISTS `shop`.`marts`.`_featurestore_found_0000000000000000`;

-- 98
DROP TABLE IF EXISTS `shop`.`marts`.`_featurestore_newest_0000000000000000`;

-- 99
DROP TABLE IF EXISTS `shop`.`marts`.`_featurestore_ended_0000000000000000`;

-- 100
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'owners';
DELETE FROM shop.features_online._featurestore_held_back WHERE project = 'shop' AND view = 'owners';
COMMIT TRANSACTION;

-- 101
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'plane_status';
DELETE FROM shop.features_online._featurestore_held_back WHERE project = 'shop' AND view = 'plane_status';
COMMIT TRANSACTION;

-- 102
BEGIN TRANSACTION;
UPDATE shop.features_online._featurestore_claims SET seen_at = CURRENT_TIMESTAMP() WHERE project = 'shop' AND run = '0000000000000000';
ASSERT (SELECT coalesce(min(run) = '0000000000000000' AND max(run) = '0000000000000000', FALSE) FROM shop.features_online._featurestore_claims WHERE project = 'shop') AS 'featurestore: another sync has taken over the ledger';
DELETE FROM shop.features_online._featurestore_sync WHERE project = 'shop' AND view = 'weather';
DELETE FROM shop.features_online._featurestore_held_back WHERE project = 'shop' AND view = 'weather';
COMMIT TRANSACTION;


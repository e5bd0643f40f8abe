SET lanes = 2; SET timezone = 'UTC';
CREATE TABLE t (i int, x text, n numeric, tz timestamptz) WITH (connector = 'kafka', brokers = 'k',
 topic = 't', format = 'debezium-json', event_time = 'tz', watermark = '1 s');
CREATE TABLE o (w timestamptz, x text, n numeric(20,2), PRIMARY KEY (w, x)) WITH (connector = 'mysql',
 url = 'u', table = 'o');
CREATE VIEW v (a, b, w) AS SELECT i, x, window_start FROM tumble(t, tz, '1 minute', '5 s') WHERE i > 0;
INSERT INTO o (w, n, x) SELECT w, sum(a) FILTER (WHERE b <> 'q') + count(DISTINCT a), b FROM v
 GROUP BY b, w HAVING max(a) > 3;
SELECT avg(n), min(x) FROM t;

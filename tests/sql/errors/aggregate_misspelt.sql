CREATE TABLE t (k text) WITH (connector = 'kafka', brokers = 'k:9092', topic = 't', format = 'json');
CREATE TABLE result (k text, n bigint) WITH (connector = 'print', emit = 'changes');
INSERT INTO result SELECT k, cuont(*) FROM t GROUP BY k;
INSERT INTO result SELECT k, summ(DISTINCT k) FROM t GROUP BY k;

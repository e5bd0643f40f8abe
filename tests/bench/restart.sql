-- The benchmark of a restart: one group for each of a million orders, without a window, so that
-- all of it is state that every later start has to read.
SET job.name            = '${NAME}';
SET checkpoint.location = 's3://lake/checkpoints';
SET epoch.interval      = '1 second';
SET memory.limit        = '1 GiB';
SET http.listen         = '127.0.0.1:${PORT}';

CREATE TABLE orders (
    id       bigint PRIMARY KEY,
    customer text NOT NULL,
    amount   numeric(12,2),
    note     text,
    paid_at  timestamptz
) WITH (
    connector = 'kafka', brokers = '${KAFKA_BROKERS}', topic = '${TOPIC}', format = 'debezium-json',
    decimal_encoding = 'string', time_encoding = 'iso', duplicates = 'keep'
);

CREATE TABLE latest (
    id bigint, customer text, orders bigint, amount numeric(18,2), paid_at timestamptz, note text,
    PRIMARY KEY (id, customer)
) WITH (connector = 'mysql', url = '${MYSQL_URL}', table = '${NAME}', create = 'true');

INSERT INTO latest
SELECT id, customer, count(*) AS orders, sum(amount) AS amount, max(paid_at) AS paid_at,
       max(substring(note from 1 for 48)) AS note
FROM orders
GROUP BY id, customer;

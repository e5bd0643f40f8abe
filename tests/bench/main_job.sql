-- The benchmark: count and sum per minute and customer, over 863-byte change events, into MySQL.
SET job.name            = '${NAME}';
SET checkpoint.location = 's3://lake/checkpoints';
SET epoch.interval      = '5 seconds';
SET http.listen         = '127.0.0.1:${PORT}';

CREATE TABLE orders (
    id       bigint PRIMARY KEY,
    customer text NOT NULL,
    status   text,
    amount   numeric(12,2),
    paid_at  timestamptz
) WITH (
    connector = 'kafka', brokers = '${KAFKA_BROKERS}', topic = '${TOPIC}', format = 'debezium-json',
    event_time = 'paid_at', watermark = '10 minutes',
    decimal_encoding = 'string', time_encoding = 'iso'
);

CREATE TABLE revenue (
    window_start timestamptz, customer text, orders bigint, revenue numeric(18,2),
    PRIMARY KEY (window_start, customer)
) WITH (connector = 'mysql', url = '${MYSQL_URL}', table = '${NAME}', create = 'true');

INSERT INTO revenue
SELECT window_start, customer, count(*) AS orders, sum(amount) AS revenue
FROM tumble(orders, paid_at, interval '1 minute')
GROUP BY window_start, customer;

SET job.name            = 'revenue';
SET checkpoint.location = 's3://lake/checkpoints';
SET epoch.interval      = '5 seconds';

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer    text NOT NULL,
    status      text,
    amount      numeric(12,2) CHECK (amount >= 0),
    paid_at     timestamptz
) WITH (
    connector = 'kafka', brokers = 'k', topic = 'shop.shop.orders', format = 'debezium-json',
    event_time = 'paid_at', watermark = '10 minutes',
    decimal_encoding = 'string', time_encoding = 'iso', on_error = 'dead_letter', dead_letter = 'bad_orders'
);

CREATE TABLE revenue (
    window_start timestamptz, customer text, orders bigint, revenue numeric(18,2),
    PRIMARY KEY (window_start, customer)
) WITH (connector = 'mysql', url = '${NAME}', table = 'revenue_per_minute');

CREATE TABLE revenue_lake (LIKE revenue) WITH (
    connector = 's3', path = 's3://lake/revenue/', format = 'avro', codec = 'snappy',
    partition_by = 'date(window_start)', emit = 'final'
);

CREATE VIEW per_minute AS
SELECT window_start, customer, count(*) AS orders, sum(amount) AS revenue
FROM tumble(orders, paid_at, interval '1 minute')
WHERE status IN ('PAID', 'SHIPPED')
GROUP BY window_start, customer;

INSERT INTO revenue      SELECT * FROM per_minute;
INSERT INTO revenue_lake SELECT * FROM per_minute;

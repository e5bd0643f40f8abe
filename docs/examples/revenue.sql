-- Revenue per minute and customer, from the change events of a shop's orders: kept up to date in a
-- table, and written once per closed minute to Avro files.
SET job.name            = 'revenue';                          -- stable: names the checkpoint lineage
SET checkpoint.location = 's3://lake/checkpoints';
SET epoch.interval      = '5 seconds';

CREATE TABLE orders (                                         -- rows of the Debezium envelope, as a changelog
    id          bigint PRIMARY KEY,
    customer    text NOT NULL,
    status      text,
    amount      numeric(12,2) CHECK (amount >= 0),            -- a violated constraint is a bad record
    paid_at     timestamptz                                   -- NULL until paid: such a row is in no window yet
) WITH (
    connector = 'kafka', brokers = '${KAFKA_BROKERS}', topic = 'shop.shop.orders', format = 'debezium-json',
    event_time = 'paid_at', watermark = '10 minutes',         -- a refund within 10 minutes retracts, a later one is late
    decimal_encoding = 'string', time_encoding = 'iso', on_error = 'dead_letter', dead_letter = 'bad_orders'
);

CREATE TABLE revenue (
    window_start timestamptz, customer text, orders bigint, revenue numeric(18,2),
    PRIMARY KEY (window_start, customer)
) WITH (connector = 'mysql', url = '${MYSQL_URL}', table = 'revenue_per_minute', create = 'true');

CREATE TABLE revenue_lake (LIKE revenue) WITH (
    connector = 's3', path = 's3://lake/revenue/', format = 'avro', codec = 'snappy',
    partition_by = 'date(window_start)', emit = 'final'
);

CREATE VIEW per_minute AS
SELECT window_start, customer, count(*) AS orders, sum(amount) AS revenue
FROM tumble(orders, paid_at, interval '1 minute')
WHERE status IN ('PAID', 'SHIPPED')                           -- PAID to SHIPPED cancels; a refund retracts
GROUP BY window_start, customer;

INSERT INTO revenue      SELECT * FROM per_minute;
INSERT INTO revenue_lake SELECT * FROM per_minute;            -- shared: read, decoded and aggregated once

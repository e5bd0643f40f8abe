CREATE TABLE orders (
    id bigint PRIMARY KEY, customer text, amount numeric(12,2), paid boolean,
    paid_at timestamptz, created timestamp, extra jsonb
) WITH (connector = 'kafka', brokers = 'k:9092', topic = 'orders', format = 'json',
        event_time = 'paid_at', watermark = '10 minutes');
CREATE TABLE result (n bigint, t text) WITH (connector = 'print');
INSERT INTO result SELECT x.* FROM orders;

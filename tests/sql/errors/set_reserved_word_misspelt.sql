SET lanes = 2; SET Memory.limits.WHERE = '1 GB';
CREATE TABLE orders (id bigint PRIMARY KEY) WITH (connector = 'kafka', brokers = 'k:9092', topic = 'orders', format = 'json');
CREATE TABLE result (n bigint) WITH (connector = 'print');
INSERT INTO result SELECT id FROM orders;

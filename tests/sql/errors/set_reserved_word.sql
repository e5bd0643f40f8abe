SET memory /* of all */ . LIMIT to 'much';
CREATE TABLE orders (id bigint PRIMARY KEY) WITH (connector = 'kafka', brokers = 'k:9092', topic = 'orders', format = 'json');
CREATE TABLE result (n bigint) WITH (connector = 'print');
INSERT INTO result SELECT id FROM orders;

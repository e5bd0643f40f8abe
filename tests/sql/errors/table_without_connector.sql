CREATE TABLE orders (id bigint);
CREATE TABLE result (n bigint, t text) WITH (connector = 'print');
INSERT INTO result SELECT id, 'x' FROM orders;

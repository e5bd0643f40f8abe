CREATE TABLE IF NOT EXISTS a (id int) WITH (connector = 'print');
CREATE TEMP TABLE b (id int) WITH (connector = 'print');
CREATE TABLE c (id int) PARTITION BY LIST (id) WITH (connector = 'print');
CREATE TABLE d (LIKE a INCLUDING ALL) WITH (connector = 'print');
CREATE TABLE e (LIKE nothing) WITH (connector = 'print');

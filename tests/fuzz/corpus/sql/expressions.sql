CREATE TABLE t (i int, b bigint, n numeric(9,3), x text, c varchar(4), j jsonb, d date, ts timestamp,
 tz timestamptz, f real, g double precision, ok boolean, y bytea, tm time, "Q" text,
 CHECK (i > 0), PRIMARY KEY (b)) WITH (connector = 'file', path = '${NAME}', format = 'json',
 event_time = 'tz', "field.Q" = 'a.b');
SELECT CASE i WHEN 1 THEN n ELSE b END, coalesce(x, c, 'z'), x || 1, j -> 'a' ->> 2,
 trim(both 'x' from x), substring(x from 2 for 1), extract(epoch from tz), date_trunc('day', ts),
 i BETWEEN 1 AND b, x NOT IN ('a', "Q"), x LIKE 'a%' ESCAPE '!', n::int % 7, -i, d + 1,
 tz + interval '1 day', greatest(f, g), nullif(i, 2), ok IS NOT UNKNOWN, round(n, 2), E'\'${NAME}',
 $$ dollar $$, y || '\x00', tm, CAST('2026-01-01' AS date) - d, 1e5, 0.5, 99999999999
FROM t WHERE NOT (i = 1 OR x IS NULL) AND n IS DISTINCT FROM 1.5;
SELECT DISTINCT x, upper(c) FROM t;

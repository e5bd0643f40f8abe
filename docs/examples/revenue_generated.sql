-- The same question asked of made-up events: needs no server, no folder and no file.
--     weir run docs/examples/revenue_generated.sql --until end
-- A seed means the same events everywhere; rate = '2000' sends them at that pace, events = '0' for ever.
SET job.name            = 'revenue-generated';
SET checkpoint.location = '/tmp/weir-revenue-generated';

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer    text NOT NULL,
    status      text,
    amount      numeric(12,2) CHECK (amount >= 0),
    paid_at     timestamptz
) WITH (
    connector = 'generate', seed = '7', events = '20000', customers = '5', span = '5 minutes',
    format = 'debezium-json', decimal_encoding = 'string', time_encoding = 'iso',
    event_time = 'paid_at', watermark = '10 minutes', on_error = 'skip'
);

SELECT window_start, customer, count(*) AS orders, sum(amount) AS revenue
FROM tumble(orders, paid_at, interval '1 minute')
WHERE status IN ('PAID', 'SHIPPED')
GROUP BY window_start, customer;

-- Sessions and what came of them by the channel of their first touch.
CREATE OR REPLACE VIEW {database}.channel_performance {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    channel LowCardinality(String) COMMENT 'Channel of the first touch',
    currency LowCardinality(String) COMMENT 'Currency of revenue, ISO 4217; empty for sessions without purchase',
    session_count UInt64 COMMENT 'Sessions, count',
    visitor_count UInt64 COMMENT 'Visitors, count',
    engaged_count UInt64 COMMENT 'Engaged sessions, count',
    bounce_share Float64 COMMENT 'Sessions not engaged / sessions, 0 to 1',
    buying_session_count UInt64 COMMENT 'Sessions with a purchase, count',
    purchase_count UInt64 COMMENT 'Purchases, count',
    revenue Decimal(38, 6) COMMENT 'Revenue, in units of currency',
    duration_ms_mean Float64 COMMENT 'Mean duration of a session, milliseconds'
)
AS SELECT
    site,
    toDate(started_at) AS day,
    channel,
    if(session.purchase_count > 0, session.currency, '') AS currency,
    count() AS session_count,
    uniqExact(visitor) AS visitor_count,
    countIf(is_engaged) AS engaged_count,
    1 - engaged_count / session_count AS bounce_share,
    countIf(session.purchase_count > 0) AS buying_session_count,
    sum(session.purchase_count) AS purchase_count,
    sum(session.revenue) AS revenue,
    avg(duration_ms) AS duration_ms_mean
FROM {database}.sessions AS session
WHERE bot = ''
GROUP BY site, day, channel, currency
COMMENT 'Sessions and what came of them by the channel of their first touch'

-- Sessions and what came of them by place.
CREATE OR REPLACE VIEW {database}.sessions_by_place {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    currency LowCardinality(String) COMMENT 'Currency of revenue, ISO 4217; empty for sessions without purchase',
    session_count UInt64 COMMENT 'Sessions, count',
    visitor_count UInt64 COMMENT 'Visitors, count',
    engaged_count UInt64 COMMENT 'Engaged sessions, count',
    purchase_count UInt64 COMMENT 'Purchases, count',
    revenue Decimal(38, 6) COMMENT 'Revenue, in units of currency',
    latitude Nullable(Float64) COMMENT 'Mean latitude, degrees; NULL if unknown',
    longitude Nullable(Float64) COMMENT 'Mean longitude, degrees; NULL if unknown'
)
AS SELECT
    site,
    toDate(started_at) AS day,
    country,
    region,
    city,
    if(session.purchase_count > 0, session.currency, '') AS currency,
    count() AS session_count,
    uniqExact(visitor) AS visitor_count,
    countIf(is_engaged) AS engaged_count,
    sum(session.purchase_count) AS purchase_count,
    sum(session.revenue) AS revenue,
    avg(session.latitude) AS latitude,
    avg(session.longitude) AS longitude
FROM {database}.sessions AS session
WHERE bot = ''
GROUP BY site, day, country, region, city, currency
COMMENT 'Sessions and what came of them by place'

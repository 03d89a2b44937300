-- Visits to shops, and whose devices were seen inside the fence of one.
CREATE OR REPLACE VIEW {database}.store_visits {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the visit, UTC',
    store LowCardinality(String) COMMENT 'Shop id',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    visit_count UInt64 COMMENT 'Visits, count',
    customer_count UInt64 COMMENT 'Known customers who came, count',
    visitor_count UInt64 COMMENT 'Visitors (devices) seen there, by a visit told or a position inside the fence of the shop, count',
    text_count UInt64 COMMENT 'Texts left about the shop, count',
    score_mean Nullable(Float64) COMMENT 'Mean score of those texts, -1 to 1; NULL without'
)
AS SELECT
    site,
    toDate(occurred_at) AS day,
    store,
    country,
    city,
    countIf(kind = 'store_visit') AS visit_count,
    uniqExactIf(customer, kind = 'store_visit' AND customer != '') AS customer_count,
    uniqExactIf(visitor, visitor != '' AND author = '') AS visitor_count,
    count(score) AS text_count,
    avg(score) AS score_mean
FROM {database}.touchpoints
WHERE outcome = 'counted' AND store != '' AND bot = ''
GROUP BY site, day, store, country, city
COMMENT 'Visits to shops, and whose devices were seen inside the fence of one'

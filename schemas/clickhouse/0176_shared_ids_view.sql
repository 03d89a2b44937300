-- Customer ids by how many visitors and contacts they were first claimed for in a day: a test account, a till or a
-- placeholder is seen on many. What should not link goes into `identity.never_link`.
CREATE OR REPLACE VIEW {database}.shared_ids {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    customer String COMMENT 'Customer id',
    day Date COMMENT 'Day of the claims, UTC',
    visitor_count UInt64 COMMENT 'Visitors first claimed for it on this day, count',
    contact_count UInt64 COMMENT 'Contacts first claimed for it on this day, count'
)
AS SELECT
    site,
    customer,
    toDate(assumeNotNull(claimed_at), 'UTC') AS day,
    countIf(id_kind = 'visitor') AS visitor_count,
    countIf(id_kind = 'contact') AS contact_count
FROM {database}.identity_links
WHERE claimed_at IS NOT NULL AND id_kind != 'customer'
GROUP BY site, customer, day
COMMENT 'Customer ids by how many visitors and contacts they were first claimed for in a day'

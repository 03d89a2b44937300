-- Customers whose journey is another's, links between customers followed to their end: from `reaches_from` on what is done under
-- `customer` is in the journey of `merged_customer`. Of several rows of a customer the last that has begun counts.
CREATE OR REPLACE VIEW {database}.merged_customers {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    customer String COMMENT 'Customer id that is another one\'s alias',
    merged_customer String COMMENT 'Customer in whose journey it is',
    person String COMMENT 'Key of that journey, 32 hexadecimal digits',
    reaches_from DateTime64(3, 'UTC') COMMENT 'Event time from which on it is there, ms, UTC (1900: all that is kept)',
    hop_count UInt8 COMMENT 'Links between the two, count'
)
AS WITH RECURSIVE
    links AS
    (
        SELECT site, id AS customer, identity_links.customer AS next, person, assumeNotNull(reaches_from) AS reaches_from
        FROM {database}.identity_links
        WHERE id_kind = 'customer' AND standing = 'linked'
    ),
    hops AS
    (
        SELECT site, customer, next, person, reaches_from, toUInt8(1) AS hop_count
        FROM links
        UNION ALL
        SELECT hops.site, hops.customer, links.next, links.person, greatest(hops.reaches_from, links.reaches_from), toUInt8(hops.hop_count + 1)
        FROM hops
        INNER JOIN links ON links.site = hops.site AND links.customer = hops.next
        WHERE hops.hop_count < 50 AND links.next != hops.customer
    )
SELECT
    hops.site AS site,
    hops.customer AS customer,
    argMax(hops.next, hops.hop_count) AS merged_customer,
    argMax(hops.person, hops.hop_count) AS person,
    hops.reaches_from AS reaches_from,
    max(hops.hop_count) AS hop_count
FROM hops
GROUP BY site, customer, reaches_from
COMMENT 'Customers whose journey is another\'s, links between customers followed to their end'

-- Devices on which several customers were named: whose turn it was from when on, as their sessions say. What is anonymous after such a
-- session, up to the next one, is that customer's (docs/identity.md). Not where an operator said whose the device is.
CREATE OR REPLACE VIEW {database}.device_turns {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    visitor String COMMENT 'Visitor id of the device',
    started_at DateTime64(3, 'UTC') COMMENT 'First event of a session that names the customer, ms, UTC',
    customer String COMMENT 'Customer whose turn it is; aliases not followed (merged_customers does)',
    person String COMMENT 'Key of that customer\'s journey, 32 hexadecimal digits'
)
AS SELECT
    sessions.site AS site,
    sessions.visitor AS visitor,
    sessions.started_at AS started_at,
    sessions.customer AS customer,
    sessions.person AS person
FROM {database}.sessions AS sessions
WHERE sessions.customer != '' AND sessions.bot = ''
    AND (sessions.site, sessions.visitor, sessions.customer) IN
    (
        SELECT site, id, customer
        FROM {database}.identity_links
        WHERE id_kind = 'visitor' AND standing IN ('linked', 'rival')
    )
    AND (sessions.site, sessions.visitor) IN
    (
        SELECT site, id
        FROM {database}.identity_links
        WHERE id_kind = 'visitor'
        GROUP BY site, id
        HAVING countIf(standing IN ('linked', 'rival')) > 1 AND countIf(standing = 'linked' AND how = 'operator') = 0
    )
COMMENT 'Devices on which several customers were named: whose turn it was from when on'

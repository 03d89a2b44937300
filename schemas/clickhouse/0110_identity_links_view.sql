-- identity_links as they are now: of each id and customer the latest version, right before any merge has run.
-- identity_link_history has the versions before, too.
CREATE OR REPLACE VIEW {database}.identity_links {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    id_kind LowCardinality(String) COMMENT 'visitor (a device or browser), contact (the keyed hash of an e-mail address, telephone number or social handle) or customer (another id of the customer)',
    id String COMMENT 'Visitor id, contact hash or customer id',
    customer String COMMENT 'Customer id it is claimed for',
    person String COMMENT 'Key of the customer\'s journey, 32 hexadecimal digits; aliases not followed (merged_customers does)',
    standing LowCardinality(String) COMMENT 'linked: the id\'s anonymous touchpoints (of a customer id: all) are this customer\'s, but what follows when others are named on a device; rival: an earlier claim or an operator\'s holds; undone: an operator took it back; circle: this customer is an alias of the id by others; over_limit: this customer has as many ids as one person may have, by earlier claims; shared: the customer id was claimed for too many ids in a day, then or before, and is nobody\'s',
    how LowCardinality(String) COMMENT 'What said so first: seen (a touchpoint with both ids), login (login, identify, alias), support (a support entry with both), operator, alias (an alias call with two customer ids)',
    claimed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time of the earliest claim, ms, UTC; NULL if it was only ever undone',
    reaches_from Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time from which these touchpoints are the customer\'s, ms, UTC (1900: all that are kept); NULL unless linked',
    claim_event String COMMENT 'Event id hash of the earliest claim, 16 hexadecimal digits',
    moved_count UInt32 COMMENT 'Touchpoints that changed hands with the latest change (of a customer id: those in the row\'s partition), count'
)
AS SELECT
    site,
    id_kind,
    id,
    customer,
    lower(hex(latest.1)) AS person,
    latest.2 AS standing,
    latest.3 AS how,
    latest.4 AS claimed_at,
    latest.5 AS reaches_from,
    lpad(lower(hex(latest.6)), 16, '0') AS claim_event,
    latest.7 AS moved_count
FROM
(
    SELECT
        site, id_kind, id, customer,
        argMax((person, standing, how, claimed_at, reaches_from, claim_event, moved_count), version) AS latest
    FROM {database}.identity_links_e{epoch}
    GROUP BY site, id_kind, id, customer
)
COMMENT 'Identity: which customers a visitor, contact or customer id was claimed for, and which claim holds'

-- How identity_links came to be what they are: every change of a claim, those since changed again included, whatever has been merged.
CREATE OR REPLACE VIEW {database}.identity_link_history {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    id_kind LowCardinality(String) COMMENT 'visitor (a device or browser), contact (the keyed hash of an e-mail address, telephone number or social handle) or customer (another id of the customer)',
    id String COMMENT 'Visitor id, contact hash or customer id',
    customer String COMMENT 'Customer id it is claimed for',
    change_number UInt64 COMMENT 'Which change of this id and customer it is, in the order they were decided, from 1; the last one holds',
    changed_at DateTime64(3, 'UTC') COMMENT 'Event time of the record that brought it, ms, UTC; of an operator\'s decision when it was made, of a late record before what was decided already',
    person String COMMENT 'Key of the customer\'s journey, 32 hexadecimal digits; aliases not followed (merged_customers does)',
    standing LowCardinality(String) COMMENT 'After the change. linked: the id\'s anonymous touchpoints (of a customer id: all) are this customer\'s, but what follows when others are named on a device; rival: an earlier claim or an operator\'s holds; undone: an operator took it back; circle: this customer is an alias of the id by others; over_limit: this customer has as many ids as one person may have, by earlier claims; shared: the customer id was claimed for too many ids in a day, then or before, and is nobody\'s',
    how LowCardinality(String) COMMENT 'What said so first: seen (a touchpoint with both ids), login (login, identify, alias), support (a support entry with both), operator, alias (an alias call with two customer ids)',
    claimed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time of the earliest claim, ms, UTC; NULL if it was only ever undone',
    reaches_from Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time from which these touchpoints are the customer\'s, ms, UTC (1900: all that are kept); NULL unless linked',
    claim_event String COMMENT 'Event id hash of the earliest claim, 16 hexadecimal digits',
    moved_count UInt32 COMMENT 'Touchpoints that changed hands with this change (of a customer id: those in the row\'s partition), count'
)
AS SELECT
    site,
    id_kind,
    id,
    customer,
    row_number() OVER (PARTITION BY source.site, source.id_kind, source.id, source.customer ORDER BY source.version) AS change_number,
    changed_at,
    lower(hex(source.person)) AS person,
    standing,
    how,
    claimed_at,
    reaches_from,
    lpad(lower(hex(source.claim_event)), 16, '0') AS claim_event,
    moved_count
FROM {database}.identity_links_e{epoch} AS source FINAL
COMMENT 'Identity: every change of a claim to a visitor, contact or customer id'

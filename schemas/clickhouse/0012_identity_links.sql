-- Identity: which customers a visitor, contact or customer id was claimed for, and which claim holds. One row per claim and change of
-- it: the version is in the key, so no merge takes the history away, and a row said again is the same row.
CREATE TABLE IF NOT EXISTS {database}.identity_links_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    id_kind LowCardinality(String) COMMENT 'visitor (a device or browser), contact (the keyed hash of an e-mail address, telephone number or social handle) or customer (another id of the customer)',
    id String COMMENT 'Visitor id, contact hash or customer id',
    customer String COMMENT 'Customer id it is claimed for',
    person FixedString(16) COMMENT 'Key of the customer\'s journey, aliases not followed (128 bits; the view shows 32 hexadecimal digits)',
    standing LowCardinality(String) COMMENT 'linked: the id\'s anonymous touchpoints (of a customer id: all) are this customer\'s; rival: an earlier claim or an operator\'s holds; undone: an operator took it back; circle: this customer is an alias of the id by others; over_limit: this customer has as many ids as one person may have, by earlier claims; shared: the customer id was claimed for too many ids in a day, then or before, and is nobody\'s',
    how LowCardinality(String) COMMENT 'What said so first: seen (a touchpoint with both ids), login (login, identify, alias), support (a support entry with both), operator, alias (an alias call with two customer ids)',
    claimed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time of the earliest claim, ms, UTC; NULL if it was only ever undone',
    reaches_from Nullable(DateTime64(3, 'UTC')) COMMENT 'Event time from which these touchpoints are the customer\'s, ms, UTC (1900: all that are kept); NULL unless linked',
    claim_event UInt64 COMMENT 'Event id hash of the earliest claim (the view shows 16 hexadecimal digits)',
    moved_count UInt32 COMMENT 'Touchpoints that changed hands with this version of the row (of a customer id: those in the row\'s partition), count',
    changed_at DateTime64(3, 'UTC') COMMENT 'Event time of the record that brought this version (of an operator\'s decision: when it was made), ms, UTC',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of the rows of an id and a customer the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (site, id_kind, id, customer, version)
SETTINGS {table_settings}
COMMENT 'Identity: which customers a visitor, contact or customer id was claimed for, and which claim holds. One row per claim and change of it.'

-- Breadcrumbs: signals about a person with the evidence for them. Today cart_abandoned. A late record that disproves one
-- takes its row back.
CREATE TABLE IF NOT EXISTS {database}.breadcrumbs_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    breadcrumb_id UInt64 COMMENT 'Hash of person, kind and first evidence (64 bits; the view shows 16 hexadecimal digits)',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    visitor String COMMENT 'Visitor id',
    kind LowCardinality(String) COMMENT 'cart_abandoned',
    began_at DateTime64(3, 'UTC') COMMENT 'When what it says began (the cart\'s first product), ms, UTC',
    last_at DateTime64(3, 'UTC') COMMENT 'Last activity that counts as evidence, ms, UTC',
    true_at DateTime64(3, 'UTC') COMMENT 'When it became true: last activity plus the threshold, ms, UTC',
    how LowCardinality(String) COMMENT 'left or emptied',
    phase LowCardinality(String) COMMENT 'Where it stood: cart (before checkout) or checkout',
    step LowCardinality(String) COMMENT 'Checkout step last seen, empty before checkout',
    value_micros Int64 COMMENT 'Value of the cart at the end, in millionths of the unit of currency',
    peak_value_micros Int64 COMMENT 'Highest value the cart had, in millionths of the unit of currency',
    currency LowCardinality(String) COMMENT 'Currency, ISO 4217; empty if none',
    item_count UInt32 COMMENT 'Pieces at the end, count',
    severity UInt8 COMMENT '1 (low) to 3 (high), by value',
    evidence Array(UInt64) COMMENT 'Event id hashes of the touchpoints that are its evidence (the view shows 16 hexadecimal digits each)',
    channel LowCardinality(String) COMMENT 'Channel of the last touch',
    device LowCardinality(String) COMMENT 'Device class of the last activity',
    city LowCardinality(String) COMMENT 'City last known, English name; empty if unknown',
    country LowCardinality(String) COMMENT 'Country last known, ISO 3166-1 alpha-2; empty if unknown',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (site, breadcrumb_id)
SETTINGS {table_settings}
COMMENT 'Breadcrumbs: signals about a person with the evidence for them. Today cart_abandoned. A late record that disproves one takes its row back.'

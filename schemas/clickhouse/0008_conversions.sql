-- Conversions (purchase, signed_up, subscribed) with the first and the last touch that led to them.
CREATE TABLE IF NOT EXISTS {database}.conversions_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversion_id UInt64 COMMENT 'Hash of person and event id (64 bits; the view shows 16 hexadecimal digits)',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    converted_at DateTime64(3, 'UTC') COMMENT 'When, ms, UTC',
    kind LowCardinality(String) COMMENT 'purchase, signed_up or subscribed',
    order_id String COMMENT 'Order id; empty if none',
    revenue_micros Int64 COMMENT 'Revenue, in millionths of the unit of currency',
    currency LowCardinality(String) COMMENT 'Currency, ISO 4217; empty if none',
    has_cart Bool COMMENT 'A cart led to it',
    touch_count UInt32 COMMENT 'Touches within the look-back of 30 days, count',
    first_channel LowCardinality(String) COMMENT 'Channel of the first touch',
    first_source LowCardinality(String) COMMENT 'Campaign source of the first touch',
    first_campaign LowCardinality(String) COMMENT 'Campaign name of the first touch',
    first_touch_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First touch, ms, UTC; NULL if it has not happened or is unknown',
    last_channel LowCardinality(String) COMMENT 'Channel of the last touch',
    last_source LowCardinality(String) COMMENT 'Campaign source of the last touch',
    last_campaign LowCardinality(String) COMMENT 'Campaign name of the last touch',
    last_touch_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Last touch, ms, UTC; NULL if it has not happened or is unknown',
    city LowCardinality(String) COMMENT 'City of the conversion, or last known, English name; empty if unknown',
    country LowCardinality(String) COMMENT 'Country of the conversion, or last known, ISO 3166-1 alpha-2; empty if unknown',
    device LowCardinality(String) COMMENT 'Device class',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (site, conversion_id)
SETTINGS {table_settings}
COMMENT 'Conversions (purchase, signed_up, subscribed) with the first and the last touch that led to them.'

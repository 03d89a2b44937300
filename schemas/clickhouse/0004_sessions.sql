-- Sessions: windows of activity of one visitor. Rows appear while open and are corrected as they grow; a merge takes
-- the absorbed row back. The id follows from the first event, so it and started_at change together or not at all.
CREATE TABLE IF NOT EXISTS {database}.sessions_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    started_at DateTime64(3, 'UTC') COMMENT 'First event, ms, UTC',
    session_id UInt64 COMMENT 'Hash of site, visitor and first event id (64 bits; the view shows 16 hexadecimal digits)',
    visitor String COMMENT 'Visitor id (device or browser)',
    customer String COMMENT 'Customer id: the first an event of the session carried; empty if none',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    ended_at DateTime64(3, 'UTC') COMMENT 'Last event, ms, UTC',
    duration_ms UInt64 COMMENT 'From the first event to the last, milliseconds',
    is_final Bool COMMENT 'No event can change it any more',
    is_engaged Bool COMMENT '10 s long, or 2 views, or a conversion',
    end_reason LowCardinality(String) COMMENT 'Why it ended: gap, longest, most, or open while it has not',
    is_continuation Bool COMMENT 'It began where a longer one was rolled over',
    event_count UInt32 COMMENT 'Events (heartbeats extend but do not count), count',
    view_count UInt32 COMMENT 'Page and screen views, count',
    search_count UInt32 COMMENT 'Searches, count',
    product_view_count UInt32 COMMENT 'Product views, count',
    cart_add_count UInt32 COMMENT 'Products put into the cart, count',
    cart_remove_count UInt32 COMMENT 'Products taken out of the cart, count',
    checkout_count UInt32 COMMENT 'Checkout starts and steps, count',
    purchase_count UInt32 COMMENT 'Purchases, count',
    revenue_micros Int64 COMMENT 'Revenue of its purchases, in millionths of the unit of currency',
    currency LowCardinality(String) COMMENT 'Currency of the first purchase, ISO 4217; empty if none',
    entry_page String COMMENT 'Page of the first view (templated path)',
    exit_page String COMMENT 'Page of the last view (templated path)',
    channel LowCardinality(String) COMMENT 'Channel of the first touch',
    source LowCardinality(String) COMMENT 'Campaign source of the first touch',
    medium LowCardinality(String) COMMENT 'Campaign medium of the first touch',
    campaign LowCardinality(String) COMMENT 'Campaign name of the first touch',
    click_id String COMMENT 'Advertising click id of the first touch, as name=value',
    referrer LowCardinality(String) COMMENT 'Referrer host of the first touch',
    country LowCardinality(String) COMMENT 'Country of the first event that has one, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    latitude Nullable(Float32) COMMENT 'Latitude, degrees; NULL if unknown',
    longitude Nullable(Float32) COMMENT 'Longitude, degrees; NULL if unknown',
    time_zone LowCardinality(String) COMMENT 'IANA time zone of the place; empty if unknown',
    device LowCardinality(String) COMMENT 'Device class: desktop, mobile, tablet, tv, bot, other or unknown',
    browser LowCardinality(String) COMMENT 'Browser family',
    os LowCardinality(String) COMMENT 'Operating system family',
    language LowCardinality(String) COMMENT 'Language tag',
    bot LowCardinality(String) COMMENT 'Why its visitor is a robot; empty when it is none',
    score Nullable(Float32) COMMENT 'Mean score of the texts left during it, -1 to 1; NULL without text',
    text_count UInt32 COMMENT 'Texts left during it, count',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
PARTITION BY toYYYYMM(started_at)
PRIMARY KEY (site, started_at)
ORDER BY (site, started_at, session_id)
SETTINGS {table_settings}
COMMENT 'Sessions: windows of activity of one visitor. Rows appear while open and are corrected as they grow; a merge takes the absorbed row back. The id follows from the first event, so it and started_at change together or not at all.'

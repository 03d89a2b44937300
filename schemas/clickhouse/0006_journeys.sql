-- Journeys: one row per person with where they stand in the stage model and what they did so far.
CREATE TABLE IF NOT EXISTS {database}.journeys_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    visitor String COMMENT 'Visitor id of the latest click',
    model LowCardinality(String) COMMENT 'Stage model',
    stage LowCardinality(String) COMMENT 'Current stage',
    stage_since_at DateTime64(3, 'UTC') COMMENT 'When the current stage was entered, ms, UTC',
    is_stalled Bool COMMENT 'Longer in the stage than the model\'s threshold, as of the watermark',
    first_at DateTime64(3, 'UTC') COMMENT 'First touchpoint, ms, UTC',
    last_at DateTime64(3, 'UTC') COMMENT 'Last touchpoint, ms, UTC',
    touchpoint_count UInt32 COMMENT 'Touchpoints, count',
    click_count UInt32 COMMENT 'Click touchpoints, count',
    support_count UInt32 COMMENT 'Support touchpoints, count',
    store_visit_count UInt32 COMMENT 'Shop visits, count',
    purchase_count UInt32 COMMENT 'Purchases, count',
    revenue_micros Int64 COMMENT 'Revenue of all purchases, in millionths of the unit of currency',
    currency LowCardinality(String) COMMENT 'Currency of the first purchase, ISO 4217; empty if none',
    first_channel LowCardinality(String) COMMENT 'Channel of the first touch',
    last_channel LowCardinality(String) COMMENT 'Channel of the last touch',
    country LowCardinality(String) COMMENT 'Last known country, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'Last known first-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'Last known city, English name; empty if unknown',
    language LowCardinality(String) COMMENT 'Last known language tag',
    device LowCardinality(String) COMMENT 'Last known device class',
    score_mean Nullable(Float32) COMMENT 'Mean score of the person\'s texts, -1 to 1; NULL without text',
    score_last Nullable(Float32) COMMENT 'Score of the person\'s last text, -1 to 1; NULL without text',
    text_count UInt32 COMMENT 'Texts read, count',
    friction_count UInt32 COMMENT 'Texts that state a factual complaint, count',
    topics UInt32 COMMENT 'Topics ever raised, a bit set (the view shows their names)',
    rating_last Nullable(Float32) COMMENT 'Latest survey rating, in points of rating_scale; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the latest rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    rating_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the latest rating was given, ms, UTC; NULL if it has not happened or is unknown',
    cancelled_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When they cancelled, if they did and have not come back, ms, UTC; NULL if it has not happened or is unknown',
    cart_abandoned_count UInt32 COMMENT 'Carts abandoned, count',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (site, person)
SETTINGS {table_settings}
COMMENT 'Journeys: one row per person with where they stand in the stage model and what they did so far.'

-- Conversations: what a customer and the service said about one matter. The key is the conversation, for an earlier entry
-- may still arrive and move its beginning.
CREATE TABLE IF NOT EXISTS {database}.conversations_e{epoch} {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'The source\'s conversation id, or one made of person, channel and first entry',
    customer String COMMENT 'Customer id, empty if unknown',
    visitor String COMMENT 'Visitor id, empty if unknown',
    contact String COMMENT 'Keyed hash of the contact, hexadecimal; empty if none',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    channel LowCardinality(String) COMMENT 'Channel it began on (chat, phone, ticket, support_email, review, survey, social, comment, store)',
    status LowCardinality(String) COMMENT 'open, resolved or closed',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    last_at DateTime64(3, 'UTC') COMMENT 'Last entry, ms, UTC',
    first_reply_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First public message of a human agent after the first of the customer, ms, UTC; NULL if it has not happened or is unknown',
    first_resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First resolution, ms, UTC; NULL if it has not happened or is unknown',
    resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Last resolution that was not reopened, ms, UTC; NULL if it has not happened or is unknown',
    first_reply_ms Nullable(Int64) COMMENT 'From the opening to the first reply, milliseconds; NULL without reply',
    first_resolution_ms Nullable(Int64) COMMENT 'From the opening to the first resolution, milliseconds; NULL without',
    resolution_ms Nullable(Int64) COMMENT 'From the opening to the resolution that holds, milliseconds; NULL without',
    is_final Bool COMMENT 'No entry can change it any more',
    reopen_count UInt32 COMMENT 'Times it was reopened, count',
    customer_message_count UInt32 COMMENT 'Messages of the customer, count',
    agent_message_count UInt32 COMMENT 'Messages of human agents, count',
    bot_message_count UInt32 COMMENT 'Messages of automata, count',
    agent_count UInt32 COMMENT 'Distinct agents, count',
    rating_first Nullable(Float32) COMMENT 'First rating, in points of rating_scale; NULL if none',
    rating_latest Nullable(Float32) COMMENT 'Latest rating, in points of rating_scale; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the latest rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    score_start Nullable(Float32) COMMENT 'Score of the customer\'s first text, -1 to 1; NULL without text',
    score_end Nullable(Float32) COMMENT 'Score of the customer\'s last text, -1 to 1; NULL without text',
    score_worst Nullable(Float32) COMMENT 'Lowest score of the customer\'s texts, -1 to 1; NULL without text',
    language LowCardinality(String) COMMENT 'Language tag of the customer\'s first text',
    topics UInt32 COMMENT 'Topics of the customer\'s texts, a bit set (the view shows their names)',
    friction_count UInt32 COMMENT 'Customer texts that state a factual complaint, count',
    priority LowCardinality(String) COMMENT 'Priority, latest told',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    store LowCardinality(String) COMMENT 'Shop id, first told',
    country LowCardinality(String) COMMENT 'Country of the first entry that has one, ISO 3166-1 alpha-2; empty if unknown',
    city LowCardinality(String) COMMENT 'City of the first entry that has one, English name; empty if unknown',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = {replacing_engine}
ORDER BY (site, conversation_id)
SETTINGS {table_settings}
COMMENT 'Conversations: what a customer and the service said about one matter. The key is the conversation, for an earlier entry may still arrive and move its beginning.'

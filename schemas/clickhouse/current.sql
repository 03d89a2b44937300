-- The sum of the numbered files for a single node, epoch 1. Generated: do not edit.

-- 0001_database.sql
-- The database all tables live in.
CREATE DATABASE IF NOT EXISTS crumbtrail;

-- 0002_schema_migrations.sql
-- Which files of this folder were applied, and with which text.
CREATE TABLE IF NOT EXISTS crumbtrail.schema_migrations
(
    file LowCardinality(String) COMMENT 'File name; ttl TABLE DAYS says when a ttl of so many days ended that had been shorter than the next',
    epoch UInt8 COMMENT 'Routing epoch it was applied for',
    text_hash UInt64 COMMENT 'XXH3 of the file, parameters not yet filled in',
    rendered_hash UInt64 COMMENT 'XXH3 of the statement as it ran',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied, by the server, ms, UTC'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY (file, epoch)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which files of schemas/clickhouse were applied, and with which text';

-- 0003_touchpoints.sql
-- Every accepted record, enriched, with the one outcome it ended in (dead letters have a table of their own).
-- One row per record: the key holds the event's own time and its place in the source, so it never changes.
-- Within a day rows stand as they were read, so that parts follow each other and merges copy runs (docs/decisions/0005).
CREATE TABLE IF NOT EXISTS crumbtrail.touchpoints_e1
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened, clock corrected, ms, UTC',
    event_hash UInt64 COMMENT 'Hash of the event id (64 bits; the view shows 16 hexadecimal digits)',
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    event_id String COMMENT 'Event or entry id as the source gave it',
    kind LowCardinality(String) COMMENT 'What happened: a kind of the closed vocabulary (page_view, purchase, message, ...)',
    outcome LowCardinality(String) COMMENT 'What became of the record: counted, late, duplicate, bot, filtered or erased',
    name LowCardinality(String) COMMENT 'Name of the event as the source gave it, when the kind does not say it all',
    visitor String COMMENT 'Visitor id (device or browser)',
    customer String COMMENT 'Customer id, empty if the record carried none',
    contact String COMMENT 'Keyed hash of an e-mail address, phone number or handle, hexadecimal; empty if none',
    session_id UInt64 COMMENT 'Session (clicks) the touchpoint was counted in (64 bits, 0 if none; the view shows 16 hexadecimal digits)',
    conversation_id String COMMENT 'Conversation id of a support entry, empty for clicks',
    device_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The device\'s own time before correction, ms, UTC; NULL if it has not happened or is unknown',
    received_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the collector received it, ms, UTC; NULL if it has not happened or is unknown',
    host LowCardinality(String) COMMENT 'Host of the page',
    page String COMMENT 'Path of the page, ids templated (/orders/:id)',
    title String COMMENT 'Title of the page or screen',
    page_group LowCardinality(String) COMMENT 'Group of the page by the page rules; empty without',
    content_type LowCardinality(String) COMMENT 'Content type of the page by the page rules (article, product, help, ...); empty without',
    content_topic LowCardinality(String) COMMENT 'Topic of the page by the page rules; empty without',
    referrer LowCardinality(String) COMMENT 'Host of the referrer, empty when internal',
    channel LowCardinality(String) COMMENT 'Channel of the touch (direct, paid_search, chat, review, ...); empty if it says nothing',
    source LowCardinality(String) COMMENT 'Campaign source',
    medium LowCardinality(String) COMMENT 'Campaign medium',
    campaign LowCardinality(String) COMMENT 'Campaign name',
    term LowCardinality(String) COMMENT 'Campaign term',
    content LowCardinality(String) COMMENT 'Campaign content',
    click_id String COMMENT 'Advertising click id, as name=value',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    latitude Nullable(Float32) COMMENT 'Latitude, degrees; NULL if unknown',
    longitude Nullable(Float32) COMMENT 'Longitude, degrees; NULL if unknown',
    time_zone LowCardinality(String) COMMENT 'IANA time zone of the place; empty if unknown',
    fences Array(String) COMMENT 'What the position of the device says of fences: first the shop it is inside of (empty: none), then those so near that who was inside has not left; nothing without a position that decides. A visit told: its shop',
    accuracy_km UInt32 COMMENT 'Radius of the circle round the position in which the address probably is, km; 0 if unknown or the position is the device\'s own',
    geo_edition LowCardinality(String) COMMENT 'Type and date of the geo database that told the place; empty without a place',
    asn UInt32 COMMENT 'Number of the autonomous system that announces the address; 0 if unknown',
    network_owner LowCardinality(String) COMMENT 'Who runs that system; empty if unknown',
    device LowCardinality(String) COMMENT 'Device class: desktop, mobile, tablet, tv, bot, other or unknown',
    brand LowCardinality(String) COMMENT 'Who made the device; empty if the agent does not tell',
    browser LowCardinality(String) COMMENT 'Browser family',
    browser_version LowCardinality(String) COMMENT 'Version of the browser, at most two numbers; empty if unknown',
    os LowCardinality(String) COMMENT 'Operating system family',
    os_version LowCardinality(String) COMMENT 'Version of the operating system, at most two numbers; empty if unknown',
    bot LowCardinality(String) COMMENT 'Why this is a robot (user agent, list, client flag); empty when it is not',
    bot_indicators LowCardinality(String) COMMENT 'Every indicator that says this is a robot, comma separated; mere hints such as data_centre, too',
    language LowCardinality(String) COMMENT 'Language tag of the page, device or text',
    items Array(Tuple(product String, name String, category String, price_micros Int64, quantity UInt32)) COMMENT 'Lines of the cart, the order or the product seen; price of one piece in millionths of the unit of currency, quantity in pieces',
    order_id String COMMENT 'Order id; empty if none',
    revenue_micros Int64 COMMENT 'Revenue of the order, or value the event carried, in millionths of the unit of currency',
    currency LowCardinality(String) COMMENT 'Currency, ISO 4217; empty if none',
    search String COMMENT 'What was searched for',
    step LowCardinality(String) COMMENT 'Step of the checkout or onboarding',
    client_session String COMMENT 'Session id of the client, if it sends one',
    properties String COMMENT 'Remaining properties, JSON text; empty if none' CODEC(ZSTD(1)),
    store LowCardinality(String) COMMENT 'Shop id (store visits, entries about a shop)',
    author LowCardinality(String) COMMENT 'Who wrote a support entry: customer, agent, bot or system; empty for clicks',
    agent LowCardinality(String) COMMENT 'Agent id',
    department LowCardinality(String) COMMENT 'Department or team',
    rating Nullable(Float32) COMMENT 'Rating given, in points of rating_scale; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    priority LowCardinality(String) COMMENT 'Priority of the case',
    tags String COMMENT 'Tags of the case, comma separated',
    text String COMMENT 'The text with personal data redacted' CODEC(ZSTD(1)),
    character_count UInt32 COMMENT 'Length of the original text, count of characters',
    feeling LowCardinality(String) COMMENT 'Label of the text\'s feeling: negative, neutral or positive; empty without text',
    score Nullable(Float32) COMMENT 'p(positive) - p(negative) of the text, -1 to 1; NULL without text',
    confidence Nullable(Float32) COMMENT 'Confidence of the label, 0 to 1; NULL without text',
    topics UInt32 COMMENT 'Topics of the text, a bit set (the view shows their names)',
    is_friction Bool COMMENT 'The text states a factual complaint, whatever its tone',
    flag LowCardinality(String) COMMENT 'What was odd about the record, such as a clamped clock; empty if nothing',
    model LowCardinality(String) COMMENT 'Version of the model that read the text; empty without text',
    log_partition UInt32 COMMENT 'Partition of the log the record was read from; with the version it says which ledger row covers it',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(occurred_at)
PRIMARY KEY (site, toDate(occurred_at), log_partition, topic, partition, occurred_at)
ORDER BY (site, toDate(occurred_at), log_partition, topic, partition, occurred_at, event_hash, offset)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every accepted record, enriched, with the one outcome it ended in (dead letters have a table of their own). One row per record: the key holds the event\'s own time and its place in the source, so it never changes.';

-- 0004_sessions.sql
-- Sessions: windows of activity of one visitor. Rows appear while open and are corrected as they grow; a merge takes
-- the absorbed row back. The id follows from the first event, so it and started_at change together or not at all.
CREATE TABLE IF NOT EXISTS crumbtrail.sessions_e1
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
    engaged_ms Int64 COMMENT 'Engaged time by heartbeats (unique ping slots of each view), milliseconds; 0 without heartbeats',
    end_reason LowCardinality(String) COMMENT 'Why it ended: gap, longest, most, customer, client_session, midnight, campaign, or open while it has not',
    is_continuation Bool COMMENT 'It began where a longer one was rolled over, or at midnight where midnight cuts',
    event_count UInt32 COMMENT 'Events (heartbeats extend but do not count), count',
    ping_count UInt32 COMMENT 'Heartbeats, count',
    view_count UInt32 COMMENT 'Page and screen views, count',
    search_count UInt32 COMMENT 'Searches, count',
    product_view_count UInt32 COMMENT 'Product views, count',
    cart_add_count UInt32 COMMENT 'Products put into the cart, count',
    cart_remove_count UInt32 COMMENT 'Products taken out of the cart, count',
    checkout_count UInt32 COMMENT 'Checkout starts and steps, count',
    purchase_count UInt32 COMMENT 'Purchases, count',
    cart_add_quantity UInt32 COMMENT 'Products put into the cart, pieces',
    cart_remove_quantity UInt32 COMMENT 'Products taken out of the cart, pieces',
    purchase_quantity UInt32 COMMENT 'Products bought, pieces',
    cart_value_micros Int64 COMMENT 'What the session put into the cart less what it took out since the last purchase, never below 0, in millionths of the unit of currency',
    revenue_micros Int64 COMMENT 'Revenue of its purchases, in millionths of the unit of currency',
    currency LowCardinality(String) COMMENT 'Currency of the first purchase or change of the cart, ISO 4217; empty if none',
    entry_page String COMMENT 'Page of the first view (templated path)',
    exit_page String COMMENT 'Page of the last view (templated path)',
    page_groups Array(Tuple(page_group String, view_count UInt32)) COMMENT 'Views by group of pages (first step of the templated path, after a language), in the order of their first view, count',
    client_session String COMMENT 'The client\'s own session id where it decides the cut; else empty',
    channel LowCardinality(String) COMMENT 'Channel of the first touch that is not direct, else of the first',
    source LowCardinality(String) COMMENT 'Campaign source of that touch',
    medium LowCardinality(String) COMMENT 'Campaign medium of that touch',
    campaign LowCardinality(String) COMMENT 'Campaign name of that touch',
    click_id String COMMENT 'Advertising click id of that touch, as name=value',
    referrer LowCardinality(String) COMMENT 'Referrer host of that touch',
    country LowCardinality(String) COMMENT 'Country of the first event that has one, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    latitude Nullable(Float32) COMMENT 'Latitude, degrees, rounded to hundredths; NULL if unknown',
    longitude Nullable(Float32) COMMENT 'Longitude, degrees, rounded to hundredths; NULL if unknown',
    time_zone LowCardinality(String) COMMENT 'IANA time zone of the place; empty if unknown',
    device LowCardinality(String) COMMENT 'Device class: desktop, mobile, tablet, tv, bot, other or unknown',
    browser LowCardinality(String) COMMENT 'Browser family',
    os LowCardinality(String) COMMENT 'Operating system family',
    language LowCardinality(String) COMMENT 'Language tag',
    bot LowCardinality(String) COMMENT 'Why its visitor is a robot: what intake found, else the first of bot_behaviour; empty when it is none',
    bot_behaviour LowCardinality(String) COMMENT 'What its events do that no person does at this site (rate, no_assets), comma separated; empty if nothing, or not looked at',
    busiest_minute_view_count UInt32 COMMENT 'Page and screen views in its busiest minute (six slots in a row of 10 s), count',
    stays Array(Tuple(store String, entered_at DateTime64(3, 'UTC'), left_at Nullable(DateTime64(3, 'UTC')), inside_ms UInt64, is_dwell Bool, visit_count UInt32)) COMMENT 'Stays in shops by position and visits told, in the order they began: shop; entered; left (NULL: may still be there); from entering to last seen inside, ms; long enough inside to be no passer-by; visits told, count',
    score Nullable(Float32) COMMENT 'Mean score of the texts left during it, -1 to 1; NULL without text',
    score_worst Nullable(Float32) COMMENT 'Lowest score of the texts left during it, -1 to 1; NULL without text',
    text_count UInt32 COMMENT 'Texts left during it, count',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(started_at)
PRIMARY KEY (site, started_at)
ORDER BY (site, started_at, session_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Sessions: windows of activity of one visitor. Rows appear while open and are corrected as they grow; a merge takes the absorbed row back. The id follows from the first event, so it and started_at change together or not at all.';

-- 0005_conversations.sql
-- Conversations: what a customer and the service said about one matter. The key is its id and its first entry: an id that comes back
-- after conversation_memory_days begins another. Where an earlier entry moves the beginning, the row is taken back first.
CREATE TABLE IF NOT EXISTS crumbtrail.conversations_e1
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'The source\'s conversation id, or one made of person, channel and first entry; with opened_at it names one row, for a source\'s id may come back after a long silence',
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
    first_reply_ms Nullable(Int64) COMMENT 'From the customer\'s first word to the first reply, milliseconds; NULL without reply',
    first_resolution_ms Nullable(Int64) COMMENT 'From the opening to the first resolution, milliseconds; NULL without',
    resolution_ms Nullable(Int64) COMMENT 'From the opening to the resolution that holds, milliseconds; NULL without',
    first_reply_business_ms Nullable(Int64) COMMENT 'The time to the first reply in which the service was open, milliseconds; NULL without reply',
    first_resolution_business_ms Nullable(Int64) COMMENT 'The time to the first resolution in which the service was open, milliseconds; NULL without',
    resolution_business_ms Nullable(Int64) COMMENT 'The time to the resolution that holds in which the service was open, milliseconds; NULL without',
    awaiting LowCardinality(String) COMMENT 'Whose turn it is: agent, customer, or empty when nobody waits, as once it is resolved or closed',
    waiting_since_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first word that is not answered, ms, UTC; NULL when nobody waits',
    requester_wait_ms Int64 COMMENT 'What the customer waited for answers that came, milliseconds',
    requester_wait_business_ms Int64 COMMENT 'What the customer waited for answers that came while the service was open, milliseconds',
    agent_wait_ms Int64 COMMENT 'What agents waited for the customer\'s answers that came, milliseconds',
    first_reply_due_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the first reply was due by the policy that fits, from the customer\'s first word on, ms, UTC; NULL without a policy or a word',
    resolution_due_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the resolution was due, from the customer\'s first word on, ms, UTC; NULL without a policy or a word',
    is_first_reply_breached Nullable(Bool) COMMENT 'The first reply came after it was due; NULL in the table while it has not come or without a policy',
    is_resolution_breached Nullable(Bool) COMMENT 'The resolution that holds, or without one the close, came after it was due; NULL in the table while there is neither or without a policy',
    touch_class LowCardinality(String) COMMENT 'Messages of human agents it took: none, one, two or multi; empty while unresolved',
    is_final Bool COMMENT 'No entry can change it any more, but for one of the same id that opens it again',
    reopen_count UInt32 COMMENT 'Times it was reopened, count',
    customer_message_count UInt32 COMMENT 'Messages of the customer, count',
    agent_message_count UInt32 COMMENT 'Messages of human agents, count',
    bot_message_count UInt32 COMMENT 'Messages of automata, count',
    agent_count UInt32 COMMENT 'Distinct agents, count',
    handover_count UInt32 COMMENT 'Times it went from one human agent to another, count',
    department_count UInt32 COMMENT 'Distinct departments, count',
    department_change_count UInt32 COMMENT 'Times it went from one department to another, count',
    channel_change_count UInt32 COMMENT 'Times it went from one channel to another, count',
    rating_first Nullable(Float32) COMMENT 'First rating, in points of rating_scale; NULL if none',
    rating_latest Nullable(Float32) COMMENT 'Latest rating, in points of rating_scale; NULL if none',
    rating_move Nullable(Float32) COMMENT 'Latest less first rating, where both are of one scale; NULL otherwise',
    rating_turn LowCardinality(String) COMMENT 'good_to_bad or bad_to_good if the ratings crossed the line of satisfaction (4 of 5, 9 of 10, 5 of 7); else empty',
    csat Nullable(Float32) COMMENT 'Latest satisfaction rating (csat or stars), 1 to 5; NULL if none',
    nps Nullable(Float32) COMMENT 'Latest likelihood to recommend, 0 to 10; NULL if none',
    ces Nullable(Float32) COMMENT 'Latest effort rating, 1 to 7; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the latest rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    score_start Nullable(Float32) COMMENT 'Score of the customer\'s first text, -1 to 1; NULL without text',
    score_end Nullable(Float32) COMMENT 'Score of the customer\'s last text, -1 to 1; NULL without text',
    score_worst Nullable(Float32) COMMENT 'Lowest score of the customer\'s texts, -1 to 1; NULL without text',
    score_trend Nullable(Float32) COMMENT 'How the score went, per text of the customer: slope of the least-squares line; NULL below two texts',
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
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, conversation_id, opened_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Conversations: what a customer and the service said about one matter. The key is its id and its first entry: an id that comes back after conversation_memory_days begins another.';

-- 0006_journeys.sql
-- Journeys: one row per person with where they stand in the stage model and what they did so far.
CREATE TABLE IF NOT EXISTS crumbtrail.journeys_e1
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
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, person)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Journeys: one row per person with where they stand in the stage model and what they did so far.';

-- 0007_stage_moves.sql
-- Moves between the stages of a journey, forward and back, with the time spent in the stage left.
CREATE TABLE IF NOT EXISTS crumbtrail.stage_moves_e1
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    person FixedString(16) COMMENT 'Key of the person the row belongs to: customer if known, else visitor (128 bits; the view shows 32 hexadecimal digits)',
    model LowCardinality(String) COMMENT 'Stage model',
    move_index UInt32 COMMENT 'Place in the order of the moves of this person; 0 is the entry into the first stage',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    from_stage LowCardinality(String) COMMENT 'Stage left; empty for the first',
    to_stage LowCardinality(String) COMMENT 'Stage entered',
    direction LowCardinality(String) COMMENT 'forward, back or enter',
    moved_at DateTime64(3, 'UTC') COMMENT 'When, ms, UTC',
    duration_ms Int64 COMMENT 'Time spent in the stage left, milliseconds; 0 for the first',
    rule LowCardinality(String) COMMENT 'Name of the rule that fired',
    cause_event_hash UInt64 COMMENT 'Event id hash of the touchpoint that caused it (64 bits; the view shows 16 hexadecimal digits)',
    channel LowCardinality(String) COMMENT 'Channel of the last touch before it',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, person, model, move_index)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Moves between the stages of a journey, forward and back, with the time spent in the stage left.';

-- 0008_conversions.sql
-- Conversions (purchase, signed_up, subscribed) with the first and the last touch that led to them.
CREATE TABLE IF NOT EXISTS crumbtrail.conversions_e1
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
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, conversion_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Conversions (purchase, signed_up, subscribed) with the first and the last touch that led to them.';

-- 0009_breadcrumbs.sql
-- Breadcrumbs: signals about a person with the evidence for them. Today cart_abandoned. A late record that disproves one
-- takes its row back.
CREATE TABLE IF NOT EXISTS crumbtrail.breadcrumbs_e1
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
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, breadcrumb_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Breadcrumbs: signals about a person with the evidence for them. Today cart_abandoned. A late record that disproves one takes its row back.';

-- 0010_dead_letters.sql
-- Records that could not be read, with the reason and a redacted preview; the bytes are in the dead-letter topic.
CREATE TABLE IF NOT EXISTS crumbtrail.dead_letters_e1
(
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    event_hash UInt64 COMMENT 'Hash that tells apart the records of one offset (64 bits; the view shows 16 hexadecimal digits)',
    site LowCardinality(String) COMMENT 'Site, as far as known; empty if not',
    reason LowCardinality(String) COMMENT 'Stable reason (malformed_json, missing_field, ...)',
    detail String COMMENT 'What a person needs to mend it: field, position, what was expected',
    event_id String COMMENT 'Event or entry id, as far as it could be read',
    received_at DateTime64(3, 'UTC') COMMENT 'When the collector received it, ms, UTC; 1970 if unknown',
    preview String COMMENT 'Beginning of the record with personal data redacted',
    character_count UInt32 COMMENT 'Length of the record, count of bytes; 0 if unknown',
    log_partition UInt32 COMMENT 'Partition of the log the record was read from; with the version it says which ledger row covers it',
    version UInt64 COMMENT 'Version of the row: epoch (8 bits), log offset (40), index within the record (16); of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (topic, partition, offset, event_hash)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Records that could not be read, with the reason and a redacted preview; the bytes are in the dead-letter topic.';

-- 0011_batches.sql
-- The ledger: which stretch of which log partition stands in which table. A row is written after the inserts it speaks of
-- are acknowledged. The key holds all that is claimed, so that two different claims about a stretch both stay to be seen.
CREATE TABLE IF NOT EXISTS crumbtrail.batches_e1
(
    epoch UInt8 COMMENT 'Routing epoch',
    processor LowCardinality(String) COMMENT 'Processor that wrote it: sessionize or journey',
    partition UInt32 COMMENT 'Partition of the log the processor read',
    table_name LowCardinality(String) COMMENT 'Table it speaks of',
    from_offset UInt64 COMMENT 'First log offset of the stretch, inclusive',
    to_offset UInt64 COMMENT 'End of the stretch, exclusive',
    content_hash UInt64 COMMENT 'XXH3 of the rows as bytes; 0 without rows',
    position_checksum UInt64 COMMENT 'Sum over the records of a hash of their origin and position',
    row_count UInt64 COMMENT 'Rows inserted into the table, count',
    record_count UInt64 COMMENT 'Records of the log accepted in the stretch (repeats by position are not), count',
    counted_count UInt64 COMMENT 'Records with the outcome counted, count',
    late_count UInt64 COMMENT 'Records with the outcome late, count',
    duplicate_count UInt64 COMMENT 'Records with the outcome duplicate, count',
    bot_count UInt64 COMMENT 'Records with the outcome bot, count',
    filtered_count UInt64 COMMENT 'Records with the outcome filtered, count',
    erased_count UInt64 COMMENT 'Records with the outcome erased, count',
    dead_count UInt64 COMMENT 'Records with the outcome dead, count',
    server_start_id UInt64 COMMENT 'Which start of the server acknowledged the inserts: a hash of its start id, 0 if starts are not watched',
    watermark_at DateTime64(3, 'UTC') COMMENT 'Watermark of the partition at the end of the stretch, ms, UTC',
    written_at DateTime64(3, 'UTC') COMMENT 'Wall time of the tick that closed the stretch, ms, UTC',
    version UInt64 COMMENT 'Version of the row; of equal keys the highest counts',
    is_deleted UInt8 COMMENT '1: this version takes the row back; 0: it stands'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (epoch, processor, partition, table_name, from_offset, to_offset, content_hash, position_checksum)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The ledger: which stretch of which log partition stands in which table. A row is written after the inserts it speaks of are acknowledged. The key holds all that is claimed, so that two different claims about a stretch both stay to be seen.';

-- 0012_identity_links.sql
-- Identity: which customers a visitor, contact or customer id was claimed for, and which claim holds. One row per claim and change of
-- it: the version is in the key, so no merge takes the history away, and a row said again is the same row.
CREATE TABLE IF NOT EXISTS crumbtrail.identity_links_e1
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
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, id_kind, id, customer, version)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Identity: which customers a visitor, contact or customer id was claimed for, and which claim holds. One row per claim and change of it.';

-- 0013_touchpoints_origin.sql
-- Two files of one name, and one file that has grown, have records of one name, number, event and time: the origin tells them apart.
ALTER TABLE crumbtrail.touchpoints_e1
    ADD COLUMN IF NOT EXISTS origin_hash UInt64 COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation; 0 in rows of builds that did not say' AFTER offset,
    MODIFY ORDER BY (site, toDate(occurred_at), log_partition, topic, partition, occurred_at, event_hash, offset, origin_hash);

-- 0014_dead_letters_origin.sql
-- Two files of one name have dead letters of one name and number: the origin tells them apart.
ALTER TABLE crumbtrail.dead_letters_e1
    ADD COLUMN IF NOT EXISTS origin_hash UInt64 COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation; 0 in rows of builds that did not say' AFTER offset,
    MODIFY ORDER BY (topic, partition, offset, event_hash, origin_hash);

-- 0015_batches_row_checksum.sql
-- What the rows of a stretch add up to, so that a row in another's place is seen.
ALTER TABLE crumbtrail.batches_e1
    ADD COLUMN IF NOT EXISTS row_checksum UInt64 COMMENT 'Sum over the rows of their position_hash, of touchpoints and dead_letters; 0 of other tables, without rows, and of builds that did not say' AFTER position_checksum;

-- 0016_touchpoints_opinions.sql
-- What the text does, what it speaks well and badly of, and which facts it complains of.
ALTER TABLE crumbtrail.touchpoints_e1
    ADD COLUMN IF NOT EXISTS says LowCardinality(String) COMMENT 'What the text does: question, complaint, suggestion, praise or statement; empty without text and in rows of builds that did not say' AFTER confidence,
    ADD COLUMN IF NOT EXISTS likes UInt32 COMMENT 'Topics the text speaks well of, a bit set (the view shows their names)' AFTER topics,
    ADD COLUMN IF NOT EXISTS dislikes UInt32 COMMENT 'Topics the text speaks badly of, a bit set (the view shows their names)' AFTER likes,
    ADD COLUMN IF NOT EXISTS friction_kinds UInt32 COMMENT 'Kinds of the factual complaints in the text, a bit set (the view shows their names)' AFTER is_friction;

-- 0017_conversations_opinions.sql
-- What the customer's texts do, what they speak well and badly of, and which facts they complain of.
ALTER TABLE crumbtrail.conversations_e1
    ADD COLUMN IF NOT EXISTS likes UInt32 COMMENT 'Topics the customer\'s texts speak well of, a bit set (the view shows their names)' AFTER topics,
    ADD COLUMN IF NOT EXISTS dislikes UInt32 COMMENT 'Topics the customer\'s texts speak badly of, a bit set (the view shows their names)' AFTER likes,
    ADD COLUMN IF NOT EXISTS friction_kinds UInt32 COMMENT 'Kinds of the factual complaints in the customer\'s texts, a bit set (the view shows their names)' AFTER friction_count,
    ADD COLUMN IF NOT EXISTS question_count UInt32 COMMENT 'Customer texts that ask, count' AFTER friction_kinds,
    ADD COLUMN IF NOT EXISTS complaint_count UInt32 COMMENT 'Customer texts that complain, of a fact or in tone, count' AFTER question_count,
    ADD COLUMN IF NOT EXISTS suggestion_count UInt32 COMMENT 'Customer texts that suggest something, count' AFTER complaint_count,
    ADD COLUMN IF NOT EXISTS praise_count UInt32 COMMENT 'Customer texts that praise or thank, count' AFTER suggestion_count;

-- 0101_touchpoints_view.sql
-- touchpoints as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.touchpoints
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened, clock corrected, ms, UTC',
    event_hash String COMMENT 'Hash of the event id, 16 hexadecimal digits',
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    origin_hash String COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation, 16 hexadecimal digits',
    event_id String COMMENT 'Event or entry id as the source gave it',
    kind LowCardinality(String) COMMENT 'What happened: a kind of the closed vocabulary (page_view, purchase, message, ...)',
    outcome LowCardinality(String) COMMENT 'What became of the record: counted, late, duplicate, bot, filtered or erased',
    name LowCardinality(String) COMMENT 'Name of the event as the source gave it, when the kind does not say it all',
    visitor String COMMENT 'Visitor id (device or browser)',
    customer String COMMENT 'Customer id, empty if the record carried none',
    contact String COMMENT 'Keyed hash of an e-mail address, phone number or handle, hexadecimal; empty if none',
    session_id String COMMENT 'Session (clicks) the touchpoint was counted in, 16 hexadecimal digits; empty if none',
    conversation_id String COMMENT 'Conversation id of a support entry, empty for clicks',
    device_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The device\'s own time before correction, ms, UTC; NULL if it has not happened or is unknown',
    received_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the collector received it, ms, UTC; NULL if it has not happened or is unknown',
    host LowCardinality(String) COMMENT 'Host of the page',
    page String COMMENT 'Path of the page, ids templated (/orders/:id)',
    title String COMMENT 'Title of the page or screen',
    page_group LowCardinality(String) COMMENT 'Group of the page by the page rules; empty without',
    content_type LowCardinality(String) COMMENT 'Content type of the page by the page rules (article, product, help, ...); empty without',
    content_topic LowCardinality(String) COMMENT 'Topic of the page by the page rules; empty without',
    referrer LowCardinality(String) COMMENT 'Host of the referrer, empty when internal',
    channel LowCardinality(String) COMMENT 'Channel of the touch (direct, paid_search, chat, review, ...); empty if it says nothing',
    source LowCardinality(String) COMMENT 'Campaign source',
    medium LowCardinality(String) COMMENT 'Campaign medium',
    campaign LowCardinality(String) COMMENT 'Campaign name',
    term LowCardinality(String) COMMENT 'Campaign term',
    content LowCardinality(String) COMMENT 'Campaign content',
    click_id String COMMENT 'Advertising click id, as name=value',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    latitude Nullable(Float32) COMMENT 'Latitude, degrees; NULL if unknown',
    longitude Nullable(Float32) COMMENT 'Longitude, degrees; NULL if unknown',
    time_zone LowCardinality(String) COMMENT 'IANA time zone of the place; empty if unknown',
    fences Array(String) COMMENT 'What the position of the device says of fences: first the shop it is inside of (empty: none), then those so near that who was inside has not left; nothing without a position that decides. A visit told: its shop',
    accuracy_km UInt32 COMMENT 'Radius of the circle round the position in which the address probably is, km; 0 if unknown or the position is the device\'s own',
    geo_edition LowCardinality(String) COMMENT 'Type and date of the geo database that told the place; empty without a place',
    asn UInt32 COMMENT 'Number of the autonomous system that announces the address; 0 if unknown',
    network_owner LowCardinality(String) COMMENT 'Who runs that system; empty if unknown',
    device LowCardinality(String) COMMENT 'Device class: desktop, mobile, tablet, tv, bot, other or unknown',
    brand LowCardinality(String) COMMENT 'Who made the device; empty if the agent does not tell',
    browser LowCardinality(String) COMMENT 'Browser family',
    browser_version LowCardinality(String) COMMENT 'Version of the browser, at most two numbers; empty if unknown',
    os LowCardinality(String) COMMENT 'Operating system family',
    os_version LowCardinality(String) COMMENT 'Version of the operating system, at most two numbers; empty if unknown',
    bot LowCardinality(String) COMMENT 'Why this is a robot (user agent, list, client flag); empty when it is not',
    bot_indicators LowCardinality(String) COMMENT 'Every indicator that says this is a robot, comma separated; mere hints such as data_centre, too',
    language LowCardinality(String) COMMENT 'Language tag of the page, device or text',
    items Array(Tuple(product String, name String, category String, price_micros Int64, quantity UInt32)) COMMENT 'Lines of the cart, the order or the product seen; price of one piece in millionths of the unit of currency, quantity in pieces',
    order_id String COMMENT 'Order id; empty if none',
    revenue Decimal(18, 6) COMMENT 'Revenue of the order, or value the event carried, in units of currency',
    currency LowCardinality(String) COMMENT 'Currency, ISO 4217; empty if none',
    search String COMMENT 'What was searched for',
    step LowCardinality(String) COMMENT 'Step of the checkout or onboarding',
    client_session String COMMENT 'Session id of the client, if it sends one',
    properties String COMMENT 'Remaining properties, JSON text; empty if none',
    store LowCardinality(String) COMMENT 'Shop id (store visits, entries about a shop)',
    author LowCardinality(String) COMMENT 'Who wrote a support entry: customer, agent, bot or system; empty for clicks',
    agent LowCardinality(String) COMMENT 'Agent id',
    department LowCardinality(String) COMMENT 'Department or team',
    rating Nullable(Float32) COMMENT 'Rating given, in points of rating_scale; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    priority LowCardinality(String) COMMENT 'Priority of the case',
    tags String COMMENT 'Tags of the case, comma separated',
    text String COMMENT 'The text with personal data redacted',
    character_count UInt32 COMMENT 'Length of the original text, count of characters',
    feeling LowCardinality(String) COMMENT 'Label of the text\'s feeling: negative, neutral or positive; empty without text',
    score Nullable(Float32) COMMENT 'p(positive) - p(negative) of the text, -1 to 1; NULL without text',
    confidence Nullable(Float32) COMMENT 'Confidence of the label, 0 to 1; NULL without text',
    says LowCardinality(String) COMMENT 'What the text does: question, complaint, suggestion, praise or statement; empty without text and in rows of builds that did not say',
    topics Array(String) COMMENT 'Topics of the text, by name',
    likes Array(String) COMMENT 'Topics the text speaks well of, by name',
    dislikes Array(String) COMMENT 'Topics the text speaks badly of, by name',
    is_friction Bool COMMENT 'The text states a factual complaint, whatever its tone',
    friction_kinds Array(String) COMMENT 'Kinds of those complaints, by name (not_received, late, missing, wrong_item, damaged, not_working, no_access, charged, no_refund, no_answer, cancelled, fraud, out_of_stock, other)',
    flag LowCardinality(String) COMMENT 'What was odd about the record, such as a clamped clock; empty if nothing',
    model LowCardinality(String) COMMENT 'Version of the model that read the text; empty without text',
    log_partition UInt32 COMMENT 'Partition of the log the record was read from; with the version it says which ledger row covers it',
    log_offset UInt64 COMMENT 'Offset of the log record the row was made from',
    log_epoch UInt8 COMMENT 'Routing epoch of that log: an earlier one than the table\'s where a rebuild took the row over',
    position_hash UInt64 COMMENT 'Hash of origin, partition, offset and event; the ledger has the sum over the rows of a stretch (row_checksum)'
)
AS WITH
    bitXor(
        bitXor(source.event_hash, source.offset * 0x9E3779B97F4A7C15),
        bitXor(source.partition * 0xBF58476D1CE4E5B9, source.origin_hash * 0x94D049BB133111EB)) AS place,
    bitXor(place, bitShiftRight(place, 30)) * 0xBF58476D1CE4E5B9 AS mixed,
    bitXor(mixed, bitShiftRight(mixed, 27)) * 0x94D049BB133111EB AS mixed_again
SELECT
    site,
    occurred_at,
    lpad(lower(hex(source.event_hash)), 16, '0') AS event_hash,
    topic,
    partition,
    offset,
    lpad(lower(hex(source.origin_hash)), 16, '0') AS origin_hash,
    event_id,
    kind,
    outcome,
    name,
    visitor,
    customer,
    contact,
    if(source.session_id = 0, '', lpad(lower(hex(source.session_id)), 16, '0')) AS session_id,
    conversation_id,
    device_at,
    received_at,
    host,
    page,
    title,
    page_group,
    content_type,
    content_topic,
    referrer,
    channel,
    source,
    medium,
    campaign,
    term,
    content,
    click_id,
    country,
    region,
    city,
    latitude,
    longitude,
    time_zone,
    fences,
    accuracy_km,
    geo_edition,
    asn,
    network_owner,
    device,
    brand,
    browser,
    browser_version,
    os,
    os_version,
    bot,
    bot_indicators,
    language,
    items,
    order_id,
    revenue_micros * toDecimal64('0.000001', 6) AS revenue,
    currency,
    search,
    step,
    client_session,
    properties,
    store,
    author,
    agent,
    department,
    rating,
    rating_scale,
    priority,
    tags,
    text,
    character_count,
    feeling,
    score,
    confidence,
    says,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.topics)) AS topics,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.likes)) AS likes,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.dislikes)) AS dislikes,
    is_friction,
    arrayMap(bit -> ['not_received', 'late', 'missing', 'wrong_item', 'damaged', 'not_working', 'no_access', 'charged', 'no_refund', 'no_answer', 'cancelled', 'fraud', 'out_of_stock', 'other'][bit + 1], bitPositionsToArray(source.friction_kinds)) AS friction_kinds,
    flag,
    model,
    log_partition,
    bitAnd(bitShiftRight(version, 16), 0xFFFFFFFFFF) AS log_offset,
    toUInt8(bitShiftRight(version, 56)) AS log_epoch,
    bitXor(mixed_again, bitShiftRight(mixed_again, 31)) AS position_hash
FROM crumbtrail.touchpoints_e1 AS source FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Every accepted record, enriched, with the one outcome it ended in (dead letters have a table of their own)';

-- 0102_sessions_view.sql
-- sessions as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.sessions
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    started_at DateTime64(3, 'UTC') COMMENT 'First event, ms, UTC',
    session_id String COMMENT 'Hash of site, visitor and first event id, 16 hexadecimal digits',
    visitor String COMMENT 'Visitor id (device or browser)',
    customer String COMMENT 'Customer id: the first an event of the session carried; empty if none',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
    ended_at DateTime64(3, 'UTC') COMMENT 'Last event, ms, UTC',
    duration_ms UInt64 COMMENT 'From the first event to the last, milliseconds',
    is_final Bool COMMENT 'No event can change it any more',
    is_engaged Bool COMMENT '10 s long, or 2 views, or a conversion',
    engaged_ms Int64 COMMENT 'Engaged time by heartbeats (unique ping slots of each view), milliseconds; 0 without heartbeats',
    is_bounce Bool COMMENT 'Not engaged',
    end_reason LowCardinality(String) COMMENT 'Why it ended: gap, longest, most, customer, client_session, midnight, campaign, or open while it has not',
    is_continuation Bool COMMENT 'It began where a longer one was rolled over, or at midnight where midnight cuts',
    event_count UInt32 COMMENT 'Events (heartbeats extend but do not count), count',
    ping_count UInt32 COMMENT 'Heartbeats, count',
    view_count UInt32 COMMENT 'Page and screen views, count',
    search_count UInt32 COMMENT 'Searches, count',
    product_view_count UInt32 COMMENT 'Product views, count',
    cart_add_count UInt32 COMMENT 'Products put into the cart, count',
    cart_remove_count UInt32 COMMENT 'Products taken out of the cart, count',
    checkout_count UInt32 COMMENT 'Checkout starts and steps, count',
    purchase_count UInt32 COMMENT 'Purchases, count',
    cart_add_quantity UInt32 COMMENT 'Products put into the cart, pieces',
    cart_remove_quantity UInt32 COMMENT 'Products taken out of the cart, pieces',
    purchase_quantity UInt32 COMMENT 'Products bought, pieces',
    cart_value Decimal(18, 6) COMMENT 'What the session put into the cart less what it took out since the last purchase, never below 0, in units of currency',
    revenue Decimal(18, 6) COMMENT 'Revenue of its purchases in currency, in units of it; those in another one are counted and not added',
    currency LowCardinality(String) COMMENT 'Currency of the first purchase or change of the cart, ISO 4217; empty if none',
    entry_page String COMMENT 'Page of the first view (templated path)',
    exit_page String COMMENT 'Page of the last view (templated path)',
    page_groups Map(String, UInt32) COMMENT 'Views by group of pages (first step of the templated path, after a language), count',
    client_session String COMMENT 'The client\'s own session id where it decides the cut; else empty',
    channel LowCardinality(String) COMMENT 'Channel of the first touch that is not direct, else of the first',
    source LowCardinality(String) COMMENT 'Campaign source of that touch',
    medium LowCardinality(String) COMMENT 'Campaign medium of that touch',
    campaign LowCardinality(String) COMMENT 'Campaign name of that touch',
    click_id String COMMENT 'Advertising click id of that touch, as name=value',
    referrer LowCardinality(String) COMMENT 'Referrer host of that touch',
    country LowCardinality(String) COMMENT 'Country of the first event that has one, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    latitude Nullable(Float32) COMMENT 'Latitude, degrees, rounded to hundredths; NULL if unknown',
    longitude Nullable(Float32) COMMENT 'Longitude, degrees, rounded to hundredths; NULL if unknown',
    time_zone LowCardinality(String) COMMENT 'IANA time zone of the place; empty if unknown',
    device LowCardinality(String) COMMENT 'Device class: desktop, mobile, tablet, tv, bot, other or unknown',
    browser LowCardinality(String) COMMENT 'Browser family',
    os LowCardinality(String) COMMENT 'Operating system family',
    language LowCardinality(String) COMMENT 'Language tag',
    bot LowCardinality(String) COMMENT 'Why its visitor is a robot: what intake found, else the first of bot_behaviour; empty when it is none',
    bot_behaviour LowCardinality(String) COMMENT 'What its events do that no person does at this site (rate, no_assets), comma separated; empty if nothing, or not looked at',
    busiest_minute_view_count UInt32 COMMENT 'Page and screen views in its busiest minute (six slots in a row of 10 s), count',
    stays Array(Tuple(store String, entered_at DateTime64(3, 'UTC'), left_at Nullable(DateTime64(3, 'UTC')), inside_ms UInt64, is_dwell Bool, visit_count UInt32)) COMMENT 'Stays in shops by position and visits told, in the order they began: shop; entered; left (NULL: may still be there); from entering to last seen inside, ms; long enough inside to be no passer-by; visits told, count',
    score Nullable(Float32) COMMENT 'Mean score of the texts left during it, -1 to 1; NULL without text',
    score_worst Nullable(Float32) COMMENT 'Lowest score of the texts left during it, -1 to 1; NULL without text',
    text_count UInt32 COMMENT 'Texts left during it, count'
)
AS SELECT
    site,
    started_at,
    lpad(lower(hex(source.session_id)), 16, '0') AS session_id,
    visitor,
    customer,
    lower(hex(source.person)) AS person,
    ended_at,
    duration_ms,
    is_final,
    is_engaged,
    engaged_ms,
    NOT is_engaged AS is_bounce,
    end_reason,
    is_continuation,
    event_count,
    ping_count,
    view_count,
    search_count,
    product_view_count,
    cart_add_count,
    cart_remove_count,
    checkout_count,
    purchase_count,
    cart_add_quantity,
    cart_remove_quantity,
    purchase_quantity,
    cart_value_micros * toDecimal64('0.000001', 6) AS cart_value,
    revenue_micros * toDecimal64('0.000001', 6) AS revenue,
    currency,
    entry_page,
    exit_page,
    mapFromArrays(source.page_groups.page_group, source.page_groups.view_count) AS page_groups,
    client_session,
    channel,
    source,
    medium,
    campaign,
    click_id,
    referrer,
    country,
    region,
    city,
    latitude,
    longitude,
    time_zone,
    device,
    browser,
    os,
    language,
    bot,
    bot_behaviour,
    busiest_minute_view_count,
    stays,
    score,
    score_worst,
    text_count
FROM crumbtrail.sessions_e1 AS source FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Sessions: windows of activity of one visitor';

-- 0103_conversations_view.sql
-- conversations as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.conversations
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'The source\'s conversation id, or one made of person, channel and first entry; with opened_at it names one row, for a source\'s id may come back after a long silence',
    customer String COMMENT 'Customer id, empty if unknown',
    visitor String COMMENT 'Visitor id, empty if unknown',
    contact String COMMENT 'Keyed hash of the contact, hexadecimal; empty if none',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
    channel LowCardinality(String) COMMENT 'Channel it began on (chat, phone, ticket, support_email, review, survey, social, comment, store)',
    status LowCardinality(String) COMMENT 'open, resolved or closed',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    last_at DateTime64(3, 'UTC') COMMENT 'Last entry, ms, UTC',
    first_reply_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First public message of a human agent after the first of the customer, ms, UTC; NULL if it has not happened or is unknown',
    first_resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First resolution, ms, UTC; NULL if it has not happened or is unknown',
    resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Last resolution that was not reopened, ms, UTC; NULL if it has not happened or is unknown',
    first_reply_ms Nullable(Int64) COMMENT 'From the customer\'s first word to the first reply, milliseconds; NULL without reply',
    first_resolution_ms Nullable(Int64) COMMENT 'From the opening to the first resolution, milliseconds; NULL without',
    resolution_ms Nullable(Int64) COMMENT 'From the opening to the resolution that holds, milliseconds; NULL without',
    first_reply_business_ms Nullable(Int64) COMMENT 'The time to the first reply in which the service was open, milliseconds; NULL without reply',
    first_resolution_business_ms Nullable(Int64) COMMENT 'The time to the first resolution in which the service was open, milliseconds; NULL without',
    resolution_business_ms Nullable(Int64) COMMENT 'The time to the resolution that holds in which the service was open, milliseconds; NULL without',
    awaiting LowCardinality(String) COMMENT 'Whose turn it is: agent, customer, or empty when nobody waits, as once it is resolved or closed',
    waiting_since_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first word that is not answered, ms, UTC; NULL when nobody waits',
    requester_wait_ms Int64 COMMENT 'What the customer waited for answers that came, milliseconds',
    requester_wait_business_ms Int64 COMMENT 'What the customer waited for answers that came while the service was open, milliseconds',
    agent_wait_ms Int64 COMMENT 'What agents waited for the customer\'s answers that came, milliseconds',
    first_reply_due_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the first reply was due by the policy that fits, from the customer\'s first word on, ms, UTC; NULL without a policy or a word',
    resolution_due_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the resolution was due, from the customer\'s first word on, ms, UTC; NULL without a policy or a word',
    is_first_reply_breached Nullable(Bool) COMMENT 'The first reply came after it was due, or has not come though it is past due now; NULL while it may still be in time or without a policy',
    is_resolution_breached Nullable(Bool) COMMENT 'The resolution that holds, or without one the close, came after it was due, or there is neither though it is past due now; NULL while it may still be in time or without a policy',
    touch_class LowCardinality(String) COMMENT 'Messages of human agents it took: none, one, two or multi; empty while unresolved',
    is_final Bool COMMENT 'No entry can change it any more, but for one of the same id that opens it again',
    reopen_count UInt32 COMMENT 'Times it was reopened, count',
    customer_message_count UInt32 COMMENT 'Messages of the customer, count',
    agent_message_count UInt32 COMMENT 'Messages of human agents, count',
    bot_message_count UInt32 COMMENT 'Messages of automata, count',
    agent_count UInt32 COMMENT 'Distinct agents, count',
    handover_count UInt32 COMMENT 'Times it went from one human agent to another, count',
    department_count UInt32 COMMENT 'Distinct departments, count',
    department_change_count UInt32 COMMENT 'Times it went from one department to another, count',
    channel_change_count UInt32 COMMENT 'Times it went from one channel to another, count',
    rating_first Nullable(Float32) COMMENT 'First rating, in points of rating_scale; NULL if none',
    rating_latest Nullable(Float32) COMMENT 'Latest rating, in points of rating_scale; NULL if none',
    rating_move Nullable(Float32) COMMENT 'Latest less first rating, where both are of one scale; NULL otherwise',
    rating_turn LowCardinality(String) COMMENT 'good_to_bad or bad_to_good if the ratings crossed the line of satisfaction (4 of 5, 9 of 10, 5 of 7); else empty',
    csat Nullable(Float32) COMMENT 'Latest satisfaction rating (csat or stars), 1 to 5; NULL if none',
    nps Nullable(Float32) COMMENT 'Latest likelihood to recommend, 0 to 10; NULL if none',
    ces Nullable(Float32) COMMENT 'Latest effort rating, 1 to 7; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the latest rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    score_start Nullable(Float32) COMMENT 'Score of the customer\'s first text, -1 to 1; NULL without text',
    score_end Nullable(Float32) COMMENT 'Score of the customer\'s last text, -1 to 1; NULL without text',
    score_worst Nullable(Float32) COMMENT 'Lowest score of the customer\'s texts, -1 to 1; NULL without text',
    score_trend Nullable(Float32) COMMENT 'How the score went, per text of the customer: slope of the least-squares line; NULL below two texts',
    language LowCardinality(String) COMMENT 'Language tag of the customer\'s first text',
    topics Array(String) COMMENT 'Topics of the customer\'s texts, by name',
    likes Array(String) COMMENT 'Topics the customer\'s texts speak well of, by name',
    dislikes Array(String) COMMENT 'Topics the customer\'s texts speak badly of, by name',
    friction_count UInt32 COMMENT 'Customer texts that state a factual complaint, count',
    friction_kinds Array(String) COMMENT 'Kinds of those complaints, by name',
    question_count UInt32 COMMENT 'Customer texts that ask, count',
    complaint_count UInt32 COMMENT 'Customer texts that complain, of a fact or in tone, count',
    suggestion_count UInt32 COMMENT 'Customer texts that suggest something, count',
    praise_count UInt32 COMMENT 'Customer texts that praise or thank, count',
    priority LowCardinality(String) COMMENT 'Priority, latest told',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    store LowCardinality(String) COMMENT 'Shop id, first told',
    country LowCardinality(String) COMMENT 'Country of the first entry that has one, ISO 3166-1 alpha-2; empty if unknown',
    city LowCardinality(String) COMMENT 'City of the first entry that has one, English name; empty if unknown'
)
AS SELECT
    site,
    conversation_id,
    customer,
    visitor,
    contact,
    lower(hex(source.person)) AS person,
    channel,
    status,
    opened_at,
    last_at,
    first_reply_at,
    first_resolved_at,
    resolved_at,
    first_reply_ms,
    first_resolution_ms,
    resolution_ms,
    first_reply_business_ms,
    first_resolution_business_ms,
    resolution_business_ms,
    awaiting,
    waiting_since_at,
    requester_wait_ms,
    requester_wait_business_ms,
    agent_wait_ms,
    first_reply_due_at,
    resolution_due_at,
    if(source.first_reply_at IS NULL, if(source.first_reply_due_at < now64(3), true, NULL), source.is_first_reply_breached) AS is_first_reply_breached,
    if(source.resolved_at IS NULL AND source.status != 'closed', if(source.resolution_due_at < now64(3), true, NULL), source.is_resolution_breached) AS is_resolution_breached,
    touch_class,
    is_final,
    reopen_count,
    customer_message_count,
    agent_message_count,
    bot_message_count,
    agent_count,
    handover_count,
    department_count,
    department_change_count,
    channel_change_count,
    rating_first,
    rating_latest,
    rating_move,
    rating_turn,
    csat,
    nps,
    ces,
    rating_scale,
    score_start,
    score_end,
    score_worst,
    score_trend,
    language,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.topics)) AS topics,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.likes)) AS likes,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.dislikes)) AS dislikes,
    friction_count,
    arrayMap(bit -> ['not_received', 'late', 'missing', 'wrong_item', 'damaged', 'not_working', 'no_access', 'charged', 'no_refund', 'no_answer', 'cancelled', 'fraud', 'out_of_stock', 'other'][bit + 1], bitPositionsToArray(source.friction_kinds)) AS friction_kinds,
    question_count,
    complaint_count,
    suggestion_count,
    praise_count,
    priority,
    department,
    store,
    country,
    city
FROM crumbtrail.conversations_e1 AS source FINAL
COMMENT 'Conversations: what a customer and the service said about one matter';

-- 0104_journeys_view.sql
-- journeys as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.journeys
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
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
    revenue Decimal(18, 6) COMMENT 'Revenue of all purchases, in units of currency',
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
    topics Array(String) COMMENT 'Topics ever raised, by name',
    rating_last Nullable(Float32) COMMENT 'Latest survey rating, in points of rating_scale; NULL if none',
    rating_scale LowCardinality(String) COMMENT 'Scale of the latest rating: csat (1-5), nps (0-10), ces (1-7) or stars (1-5); empty if none',
    rating_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the latest rating was given, ms, UTC; NULL if it has not happened or is unknown',
    cancelled_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When they cancelled, if they did and have not come back, ms, UTC; NULL if it has not happened or is unknown',
    cart_abandoned_count UInt32 COMMENT 'Carts abandoned, count'
)
AS SELECT
    site,
    lower(hex(source.person)) AS person,
    customer,
    visitor,
    model,
    stage,
    stage_since_at,
    is_stalled,
    first_at,
    last_at,
    touchpoint_count,
    click_count,
    support_count,
    store_visit_count,
    purchase_count,
    revenue_micros * toDecimal64('0.000001', 6) AS revenue,
    currency,
    first_channel,
    last_channel,
    country,
    region,
    city,
    language,
    device,
    score_mean,
    score_last,
    text_count,
    friction_count,
    arrayMap(bit -> ['billing', 'delivery', 'refund', 'product_quality', 'price', 'login_account', 'staff_service', 'cancellation', 'website_checkout', 'onboarding', 'stock_availability', 'praise', 'question', 'suggestion', 'app_fault', 'privacy'][bit + 1], bitPositionsToArray(source.topics)) AS topics,
    rating_last,
    rating_scale,
    rating_at,
    cancelled_at,
    cart_abandoned_count
FROM crumbtrail.journeys_e1 AS source FINAL
COMMENT 'Journeys: one row per person with where they stand in the stage model and what they did so far';

-- 0105_stage_moves_view.sql
-- stage_moves as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.stage_moves
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
    model LowCardinality(String) COMMENT 'Stage model',
    move_index UInt32 COMMENT 'Place in the order of the moves of this person; 0 is the entry into the first stage',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    from_stage LowCardinality(String) COMMENT 'Stage left; empty for the first',
    to_stage LowCardinality(String) COMMENT 'Stage entered',
    direction LowCardinality(String) COMMENT 'forward, back or enter',
    moved_at DateTime64(3, 'UTC') COMMENT 'When, ms, UTC',
    duration_ms Int64 COMMENT 'Time spent in the stage left, milliseconds; 0 for the first',
    rule LowCardinality(String) COMMENT 'Name of the rule that fired',
    cause_event_hash String COMMENT 'Event id hash of the touchpoint that caused it, 16 hexadecimal digits',
    channel LowCardinality(String) COMMENT 'Channel of the last touch before it'
)
AS SELECT
    site,
    lower(hex(source.person)) AS person,
    model,
    move_index,
    customer,
    from_stage,
    to_stage,
    direction,
    moved_at,
    duration_ms,
    rule,
    lpad(lower(hex(source.cause_event_hash)), 16, '0') AS cause_event_hash,
    channel
FROM crumbtrail.stage_moves_e1 AS source FINAL
COMMENT 'Moves between the stages of a journey, forward and back, with the time spent in the stage left';

-- 0106_conversions_view.sql
-- conversions as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.conversions
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversion_id String COMMENT 'Hash of person and event id, 16 hexadecimal digits',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    converted_at DateTime64(3, 'UTC') COMMENT 'When, ms, UTC',
    kind LowCardinality(String) COMMENT 'purchase, signed_up or subscribed',
    order_id String COMMENT 'Order id; empty if none',
    revenue Decimal(18, 6) COMMENT 'Revenue, in units of currency',
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
    device LowCardinality(String) COMMENT 'Device class'
)
AS SELECT
    site,
    lpad(lower(hex(source.conversion_id)), 16, '0') AS conversion_id,
    lower(hex(source.person)) AS person,
    customer,
    converted_at,
    kind,
    order_id,
    revenue_micros * toDecimal64('0.000001', 6) AS revenue,
    currency,
    has_cart,
    touch_count,
    first_channel,
    first_source,
    first_campaign,
    first_touch_at,
    last_channel,
    last_source,
    last_campaign,
    last_touch_at,
    city,
    country,
    device
FROM crumbtrail.conversions_e1 AS source FINAL
COMMENT 'Conversions (purchase, signed_up, subscribed) with the first and the last touch that led to them';

-- 0107_breadcrumbs_view.sql
-- breadcrumbs as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.breadcrumbs
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    breadcrumb_id String COMMENT 'Hash of person, kind and first evidence, 16 hexadecimal digits',
    person String COMMENT 'Key of the person the row belongs to: customer if known, else visitor; 32 hexadecimal digits',
    customer String COMMENT 'Customer id; empty while the person is only a visitor',
    visitor String COMMENT 'Visitor id',
    kind LowCardinality(String) COMMENT 'cart_abandoned',
    began_at DateTime64(3, 'UTC') COMMENT 'When what it says began (the cart\'s first product), ms, UTC',
    last_at DateTime64(3, 'UTC') COMMENT 'Last activity that counts as evidence, ms, UTC',
    true_at DateTime64(3, 'UTC') COMMENT 'When it became true: last activity plus the threshold, ms, UTC',
    how LowCardinality(String) COMMENT 'left or emptied',
    phase LowCardinality(String) COMMENT 'Where it stood: cart (before checkout) or checkout',
    step LowCardinality(String) COMMENT 'Checkout step last seen, empty before checkout',
    value Decimal(18, 6) COMMENT 'Value of the cart at the end, in units of currency',
    peak_value Decimal(18, 6) COMMENT 'Highest value the cart had, in units of currency',
    currency LowCardinality(String) COMMENT 'Currency, ISO 4217; empty if none',
    item_count UInt32 COMMENT 'Pieces at the end, count',
    severity UInt8 COMMENT '1 (low) to 3 (high), by value',
    evidence Array(String) COMMENT 'Event id hashes of the touchpoints that are its evidence, 16 hexadecimal digits each',
    channel LowCardinality(String) COMMENT 'Channel of the last touch',
    device LowCardinality(String) COMMENT 'Device class of the last activity',
    city LowCardinality(String) COMMENT 'City last known, English name; empty if unknown',
    country LowCardinality(String) COMMENT 'Country last known, ISO 3166-1 alpha-2; empty if unknown'
)
AS SELECT
    site,
    lpad(lower(hex(source.breadcrumb_id)), 16, '0') AS breadcrumb_id,
    lower(hex(source.person)) AS person,
    customer,
    visitor,
    kind,
    began_at,
    last_at,
    true_at,
    how,
    phase,
    step,
    value_micros * toDecimal64('0.000001', 6) AS value,
    peak_value_micros * toDecimal64('0.000001', 6) AS peak_value,
    currency,
    item_count,
    severity,
    arrayMap(hash -> lpad(lower(hex(hash)), 16, '0'), source.evidence) AS evidence,
    channel,
    device,
    city,
    country
FROM crumbtrail.breadcrumbs_e1 AS source FINAL
COMMENT 'Breadcrumbs: signals about a person with the evidence for them';

-- 0108_dead_letters_view.sql
-- dead_letters as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.dead_letters
(
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    origin_hash String COMMENT 'Hash of the source the record came from: of a file its content, of a topic its name, partition and incarnation, 16 hexadecimal digits',
    event_hash String COMMENT 'Hash that tells apart the records of one offset, 16 hexadecimal digits',
    site LowCardinality(String) COMMENT 'Site, as far as known; empty if not',
    reason LowCardinality(String) COMMENT 'Stable reason (malformed_json, missing_field, ...)',
    detail String COMMENT 'What a person needs to mend it: field, position, what was expected',
    event_id String COMMENT 'Event or entry id, as far as it could be read',
    received_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the collector received it, ms, UTC; NULL if unknown',
    preview String COMMENT 'Beginning of the record with personal data redacted',
    character_count UInt32 COMMENT 'Length of the record, count of bytes; 0 if unknown',
    log_partition UInt32 COMMENT 'Partition of the log the record was read from; with the version it says which ledger row covers it',
    log_offset UInt64 COMMENT 'Offset of the log record the row was made from',
    log_epoch UInt8 COMMENT 'Routing epoch of that log: an earlier one than the table\'s where a rebuild took the row over',
    position_hash UInt64 COMMENT 'Hash of origin, partition, offset and event; the ledger has the sum over the rows of a stretch (row_checksum)'
)
AS WITH
    bitXor(
        bitXor(source.event_hash, source.offset * 0x9E3779B97F4A7C15),
        bitXor(source.partition * 0xBF58476D1CE4E5B9, source.origin_hash * 0x94D049BB133111EB)) AS place,
    bitXor(place, bitShiftRight(place, 30)) * 0xBF58476D1CE4E5B9 AS mixed,
    bitXor(mixed, bitShiftRight(mixed, 27)) * 0x94D049BB133111EB AS mixed_again
SELECT
    topic,
    partition,
    offset,
    lpad(lower(hex(source.origin_hash)), 16, '0') AS origin_hash,
    lpad(lower(hex(source.event_hash)), 16, '0') AS event_hash,
    site,
    reason,
    detail,
    event_id,
    if(toUnixTimestamp64Milli(source.received_at) = 0, NULL, source.received_at) AS received_at,
    preview,
    character_count,
    log_partition,
    bitAnd(bitShiftRight(version, 16), 0xFFFFFFFFFF) AS log_offset,
    toUInt8(bitShiftRight(version, 56)) AS log_epoch,
    bitXor(mixed_again, bitShiftRight(mixed_again, 31)) AS position_hash
FROM crumbtrail.dead_letters_e1 AS source FINAL
COMMENT 'Records that could not be read, with the reason and a redacted preview; the bytes are in the dead-letter topic';

-- 0109_batches_view.sql
-- batches as they are now: the latest version of every row, rows taken back hidden, right before any merge has run.
CREATE OR REPLACE VIEW crumbtrail.batches
(
    epoch UInt8 COMMENT 'Routing epoch',
    processor LowCardinality(String) COMMENT 'Processor that wrote it: sessionize or journey',
    partition UInt32 COMMENT 'Partition of the log the processor read',
    table_name LowCardinality(String) COMMENT 'Table it speaks of',
    from_offset UInt64 COMMENT 'First log offset of the stretch, inclusive',
    to_offset UInt64 COMMENT 'End of the stretch, exclusive',
    content_hash UInt64 COMMENT 'XXH3 of the rows as bytes; 0 without rows',
    position_checksum UInt64 COMMENT 'Sum over the records of a hash of their origin and position',
    row_checksum UInt64 COMMENT 'Sum over the rows of their position_hash, of touchpoints and dead_letters; 0 of other tables, without rows, and of builds that did not say',
    row_count UInt64 COMMENT 'Rows inserted into the table, count',
    record_count UInt64 COMMENT 'Records of the log accepted in the stretch (repeats by position are not), count',
    counted_count UInt64 COMMENT 'Records with the outcome counted, count',
    late_count UInt64 COMMENT 'Records with the outcome late, count',
    duplicate_count UInt64 COMMENT 'Records with the outcome duplicate, count',
    bot_count UInt64 COMMENT 'Records with the outcome bot, count',
    filtered_count UInt64 COMMENT 'Records with the outcome filtered, count',
    erased_count UInt64 COMMENT 'Records with the outcome erased, count',
    dead_count UInt64 COMMENT 'Records with the outcome dead, count',
    server_start_id UInt64 COMMENT 'Which start of the server acknowledged the inserts: a hash of its start id, 0 if starts are not watched',
    watermark_at DateTime64(3, 'UTC') COMMENT 'Watermark of the partition at the end of the stretch, ms, UTC',
    written_at DateTime64(3, 'UTC') COMMENT 'Wall time of the tick that closed the stretch, ms, UTC'
)
AS SELECT
    epoch,
    processor,
    partition,
    table_name,
    from_offset,
    to_offset,
    content_hash,
    position_checksum,
    row_checksum,
    row_count,
    record_count,
    counted_count,
    late_count,
    duplicate_count,
    bot_count,
    filtered_count,
    erased_count,
    dead_count,
    server_start_id,
    watermark_at,
    written_at
FROM crumbtrail.batches_e1 AS source FINAL
COMMENT 'The ledger: which stretch of which log partition stands in which table';

-- 0110_identity_links_view.sql
-- identity_links as they are now: of each id and customer the latest version, right before any merge has run.
-- identity_link_history has the versions before, too.
CREATE OR REPLACE VIEW crumbtrail.identity_links
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
    FROM crumbtrail.identity_links_e1
    GROUP BY site, id_kind, id, customer
)
COMMENT 'Identity: which customers a visitor, contact or customer id was claimed for, and which claim holds';

-- 0111_identity_link_history_view.sql
-- How identity_links came to be what they are: every change of a claim, those since changed again included, whatever has been merged.
CREATE OR REPLACE VIEW crumbtrail.identity_link_history
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
FROM crumbtrail.identity_links_e1 AS source FINAL
COMMENT 'Identity: every change of a claim to a visitor, contact or customer id';

-- 0150_merged_customers_view.sql
-- Customers whose journey is another's, links between customers followed to their end: from `reaches_from` on what is done under
-- `customer` is in the journey of `merged_customer`. Of several rows of a customer the last that has begun counts.
CREATE OR REPLACE VIEW crumbtrail.merged_customers
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
        FROM crumbtrail.identity_links
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
COMMENT 'Customers whose journey is another\'s, links between customers followed to their end';

-- 0151_funnel_view.sql
-- The shop funnel by site, day, and device: sessions that saw a product, put one into the cart, began the checkout,
-- bought. A session counts for a step if it did that step and every one before.
CREATE OR REPLACE VIEW crumbtrail.funnel
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    device LowCardinality(String) COMMENT 'Device class',
    step_index UInt8 COMMENT 'Place of the step, from 1',
    step String COMMENT 'product_viewed, product_added, checkout_started or purchase',
    session_count UInt64 COMMENT 'Sessions that reached the step, count',
    previous_session_count UInt64 COMMENT 'Sessions that reached the step before; for the first: all sessions, count',
    step_share Float64 COMMENT 'session_count / previous_session_count, 0 to 1'
)
AS SELECT
    site,
    day,
    device,
    entry.1 AS step_index,
    entry.2 AS step,
    entry.3 AS session_count,
    entry.4 AS previous_session_count,
    if(previous_session_count = 0, 0, session_count / previous_session_count) AS step_share
FROM
(
    SELECT
        site,
        toDate(started_at) AS day,
        device,
        count() AS all_count,
        countIf(product_view_count > 0) AS viewed_count,
        countIf(product_view_count > 0 AND cart_add_count > 0) AS added_count,
        countIf(product_view_count > 0 AND cart_add_count > 0 AND sessions.checkout_count > 0) AS checkout_count,
        countIf(product_view_count > 0 AND cart_add_count > 0 AND sessions.checkout_count > 0 AND purchase_count > 0) AS bought_count
    FROM crumbtrail.sessions AS sessions
    WHERE bot = ''
    GROUP BY site, day, device
)
ARRAY JOIN [
    (1, 'product_viewed', viewed_count, all_count),
    (2, 'product_added', added_count, viewed_count),
    (3, 'checkout_started', checkout_count, added_count),
    (4, 'purchase', bought_count, checkout_count)] AS entry
COMMENT 'The shop funnel by site, day, and device: sessions that saw a product, put one into the cart, began the checkout,';

-- 0152_checkout_steps_view.sql
-- Where people stop in the checkout, by device: sessions that reached a step, and those that stopped there without buying.
CREATE OR REPLACE VIEW crumbtrail.checkout_steps
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    device LowCardinality(String) COMMENT 'Device class',
    step String COMMENT 'Step of the checkout; checkout_started for its beginning',
    session_count UInt64 COMMENT 'Sessions that reached the step, count',
    stopped_count UInt64 COMMENT 'Sessions whose last checkout step it was and that did not buy, count',
    stopped_share Float64 COMMENT 'stopped_count / session_count, 0 to 1'
)
AS SELECT
    site,
    day,
    device,
    step,
    uniqExact(session_id) AS session_count,
    uniqExactIf(session_id, is_last AND purchase_count = 0) AS stopped_count,
    stopped_count / session_count AS stopped_share
FROM
(
    SELECT
        session.site AS site,
        toDate(session.started_at) AS day,
        session.device AS device,
        session.session_id AS session_id,
        session.purchase_count AS purchase_count,
        if(touchpoint.step = '', toString(touchpoint.kind), toString(touchpoint.step)) AS step,
        row_number() OVER (
            PARTITION BY session.site, session.session_id
            ORDER BY touchpoint.occurred_at DESC, touchpoint.event_id DESC) = 1 AS is_last
    FROM crumbtrail.touchpoints AS touchpoint
    INNER JOIN crumbtrail.sessions AS session
        ON touchpoint.site = session.site AND touchpoint.session_id = session.session_id
    WHERE touchpoint.outcome = 'counted' AND touchpoint.kind IN ('checkout_started', 'checkout_step') AND session.bot = ''
)
GROUP BY site, day, device, step
COMMENT 'Where people stop in the checkout, by device: sessions that reached a step, and those that stopped there without buying';

-- 0153_paths_view.sql
-- Edges of a Sankey diagram: from page to page in the first five steps of sessions, reloads collapsed.
CREATE OR REPLACE VIEW crumbtrail.paths
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the first view, UTC',
    step_index UInt64 COMMENT 'Place of the edge in the session, from 1',
    from_page String COMMENT 'Page left (templated path)',
    to_page String COMMENT 'Page reached next; (exit) if there was none',
    session_count UInt64 COMMENT 'Sessions that went this way, count'
)
AS SELECT
    site,
    day,
    edge.1 AS step_index,
    edge.2 AS from_page,
    edge.3 AS to_page,
    count() AS session_count
FROM
(
    SELECT
        site,
        session_id,
        toDate(min(occurred_at)) AS day,
        arrayCompact(arrayMap(view -> view.3, arraySort(groupArray((occurred_at, event_id, page))))) AS pages
    FROM crumbtrail.touchpoints
    WHERE outcome = 'counted' AND kind IN ('page_view', 'screen_view') AND page != '' AND session_id != '' AND bot = ''
    GROUP BY site, session_id
)
ARRAY JOIN arrayMap(
    index -> (index, pages[index], if(index = length(pages), '(exit)', pages[index + 1])),
    range(1, least(length(pages), 5) + 1)) AS edge
GROUP BY site, day, step_index, from_page, to_page
COMMENT 'Edges of a Sankey diagram: from page to page in the first five steps of sessions, reloads collapsed';

-- 0154_stage_daily_view.sql
-- Moves into and out of each stage by day.
CREATE OR REPLACE VIEW crumbtrail.stage_daily
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    model LowCardinality(String) COMMENT 'Stage model',
    day Date COMMENT 'Day of the moves, UTC',
    stage LowCardinality(String) COMMENT 'Stage',
    entered_count UInt64 COMMENT 'Moves into the stage, count',
    left_count UInt64 COMMENT 'Moves out of the stage, count',
    forward_count UInt64 COMMENT 'Moves into it that went forward, count',
    back_count UInt64 COMMENT 'Moves into it that went back, count',
    net_count Int64 COMMENT 'entered_count - left_count'
)
AS SELECT
    site,
    model,
    toDate(moved_at) AS day,
    side.1 AS stage,
    countIf(side.2 = 1) AS entered_count,
    countIf(side.2 = -1) AS left_count,
    countIf(side.2 = 1 AND direction = 'forward') AS forward_count,
    countIf(side.2 = 1 AND direction = 'back') AS back_count,
    sum(side.2) AS net_count
FROM crumbtrail.stage_moves
ARRAY JOIN [(toString(to_stage), toInt64(1)), (toString(from_stage), toInt64(-1))] AS side
WHERE side.1 != ''
GROUP BY site, model, day, stage
COMMENT 'Moves into and out of each stage by day';

-- 0155_stage_stalls_view.sql
-- Where people stall: who stands in each stage now, for how long, against how long those who left it stayed.
CREATE OR REPLACE VIEW crumbtrail.stage_stalls
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    model LowCardinality(String) COMMENT 'Stage model',
    stage LowCardinality(String) COMMENT 'Stage',
    person_count UInt64 COMMENT 'People in the stage now, count',
    stalled_count UInt64 COMMENT 'People in it longer than the model\'s threshold, count',
    stalled_share Float64 COMMENT 'stalled_count / person_count, 0 to 1',
    waiting_ms_median Int64 COMMENT 'Median time the people in it have been there, up to the last touchpoint of the site, milliseconds',
    stay_ms_median Nullable(Int64) COMMENT 'Median time of those who left it, milliseconds; NULL if nobody did'
)
AS SELECT
    journey.site AS site,
    journey.model AS model,
    journey.stage AS stage,
    count() AS person_count,
    countIf(journey.is_stalled) AS stalled_count,
    stalled_count / person_count AS stalled_share,
    toInt64(quantileExact(dateDiff('millisecond', journey.stage_since_at, latest.last_at))) AS waiting_ms_median,
    any(stay.median_ms) AS stay_ms_median
FROM crumbtrail.journeys AS journey
INNER JOIN (SELECT site, max(greatest(last_at, stage_since_at)) AS last_at FROM crumbtrail.journeys GROUP BY site) AS latest
    ON journey.site = latest.site
LEFT JOIN
(
    SELECT site, model, from_stage, toNullable(toInt64(quantileExact(duration_ms))) AS median_ms
    FROM crumbtrail.stage_moves
    WHERE from_stage != ''
    GROUP BY site, model, from_stage
) AS stay
    ON journey.site = stay.site AND journey.model = stay.model AND journey.stage = stay.from_stage
GROUP BY site, model, stage
COMMENT 'Where people stall: who stands in each stage now, for how long, against how long those who left it stayed';

-- 0156_channel_performance_view.sql
-- Sessions and what came of them by the channel of their first touch.
CREATE OR REPLACE VIEW crumbtrail.channel_performance
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    channel LowCardinality(String) COMMENT 'Channel of the first touch',
    currency LowCardinality(String) COMMENT 'Currency of revenue, ISO 4217; empty for sessions without purchase',
    session_count UInt64 COMMENT 'Sessions, count',
    visitor_count UInt64 COMMENT 'Visitors, count',
    engaged_count UInt64 COMMENT 'Engaged sessions, count',
    bounce_share Float64 COMMENT 'Sessions not engaged / sessions, 0 to 1',
    buying_session_count UInt64 COMMENT 'Sessions with a purchase, count',
    purchase_count UInt64 COMMENT 'Purchases, count',
    revenue Decimal(38, 6) COMMENT 'Revenue, in units of currency',
    duration_ms_mean Float64 COMMENT 'Mean duration of a session, milliseconds'
)
AS SELECT
    site,
    toDate(started_at) AS day,
    channel,
    if(session.purchase_count > 0, session.currency, '') AS currency,
    count() AS session_count,
    uniqExact(visitor) AS visitor_count,
    countIf(is_engaged) AS engaged_count,
    1 - engaged_count / session_count AS bounce_share,
    countIf(session.purchase_count > 0) AS buying_session_count,
    sum(session.purchase_count) AS purchase_count,
    sum(session.revenue) AS revenue,
    avg(duration_ms) AS duration_ms_mean
FROM crumbtrail.sessions AS session
WHERE bot = ''
GROUP BY site, day, channel, currency
COMMENT 'Sessions and what came of them by the channel of their first touch';

-- 0157_cart_abandonment_view.sql
-- Carts left without a purchase, and those that led to one.
CREATE OR REPLACE VIEW crumbtrail.cart_abandonment
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the cart was abandoned or bought, UTC',
    device LowCardinality(String) COMMENT 'Device class of the last activity',
    currency LowCardinality(String) COMMENT 'Currency of the values, ISO 4217',
    abandoned_count UInt64 COMMENT 'Carts abandoned, count',
    left_count UInt64 COMMENT 'Abandoned carts that were left with something in them, count',
    emptied_count UInt64 COMMENT 'Abandoned carts that were emptied, count',
    checkout_count UInt64 COMMENT 'Abandoned carts that had reached the checkout, count',
    bought_count UInt64 COMMENT 'Purchases that a cart led to, count',
    abandonment_share Float64 COMMENT 'abandoned_count / (abandoned_count + bought_count), 0 to 1',
    abandoned_value Decimal(38, 6) COMMENT 'Value of the abandoned carts at the end, in units of currency',
    peak_value Decimal(38, 6) COMMENT 'Highest values the abandoned carts had, summed, in units of currency'
)
AS SELECT
    site,
    day,
    device,
    currency,
    sum(is_abandoned) AS abandoned_count,
    sum(is_left) AS left_count,
    sum(is_emptied) AS emptied_count,
    sum(is_checkout) AS checkout_count,
    sum(is_bought) AS bought_count,
    abandoned_count / (abandoned_count + bought_count) AS abandonment_share,
    sum(value) AS abandoned_value,
    sum(cart.peak_value) AS peak_value
FROM
(
    SELECT
        site, toDate(true_at) AS day, device, currency, 1 AS is_abandoned, how = 'left' AS is_left,
        how = 'emptied' AS is_emptied, phase = 'checkout' AS is_checkout, 0 AS is_bought, value, peak_value
    FROM crumbtrail.breadcrumbs
    WHERE kind = 'cart_abandoned'
    UNION ALL
    SELECT
        site, toDate(converted_at) AS day, device, currency, 0, 0, 0, 0, 1, toDecimal64(0, 6), toDecimal64(0, 6)
    FROM crumbtrail.conversions
    WHERE kind = 'purchase' AND has_cart
) AS cart
GROUP BY site, day, device, currency
COMMENT 'Carts left without a purchase, and those that led to one';

-- 0158_churn_reasons_view.sql
-- Why customers stop buying: of the people who cancelled, how many complained of what within the 60 days before. One
-- person may have several reasons; those without any are in (none). Satisfied: the last survey before leaving was good. Whose a word is
-- follows the links as elsewhere, so what was said anonymously counts for who said it, and people who are but a contact are not one person.
-- A journey knows its latest rating only: where that came after leaving, the one before it is among the touchpoints, while these are kept.
CREATE OR REPLACE VIEW crumbtrail.churn_reasons
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    reason String COMMENT 'Topic of a complaint (friction or a negative text), or (none)',
    leaver_count UInt64 COMMENT 'People who cancelled and had this reason, count',
    all_leaver_count UInt64 COMMENT 'People who cancelled, count',
    leaver_share Float64 COMMENT 'leaver_count / all_leaver_count, 0 to 1',
    stayer_count UInt64 COMMENT 'People who did not cancel and raised the same in the last 60 days of the data, count',
    stayer_share Float64 COMMENT 'stayer_count / all people who did not cancel, 0 to 1',
    lift Nullable(Float64) COMMENT 'leaver_share / stayer_share; NULL if nobody who stayed had it',
    rated_count UInt64 COMMENT 'Of leaver_count: people with a survey rating before leaving, count',
    satisfied_count UInt64 COMMENT 'Of rated_count: people whose last rating was good (csat and stars 4 or more, nps 9 or more, ces 5 or more), count',
    satisfied_share Nullable(Float64) COMMENT 'satisfied_count / rated_count, 0 to 1; NULL if nobody rated'
)
AS WITH
    people AS
    (
        SELECT
            site,
            person,
            customer,
            visitor,
            cancelled_at IS NOT NULL AS is_leaver,
            coalesce(cancelled_at, max(last_at) OVER (PARTITION BY site)) AS until_at,
            if(ifNull(rating_at, until_at) <= until_at, rating_last, NULL) AS kept_rating,
            toString(rating_scale) AS kept_scale
        FROM crumbtrail.journeys
    ),
    unnamed AS
    (
        SELECT site, person, any(if(visitor != '', concat('visitor ', visitor), concat('contact ', contact))) AS who
        FROM crumbtrail.conversations
        WHERE customer = '' AND (visitor != '' OR contact != '')
        GROUP BY site, person
    ),
    whose AS
    (
        SELECT
            people.site AS site,
            people.person AS person,
            people.until_at AS until_at,
            multiIf(
                people.customer != '', concat('customer ', people.customer),
                people.visitor != '', concat('visitor ', people.visitor),
                unnamed.who) AS who
        FROM people
        LEFT JOIN unnamed ON unnamed.site = people.site AND unnamed.person = people.person
    ),
    links AS
    (
        SELECT site, toString(id_kind) AS id_kind, id, customer, assumeNotNull(reaches_from) AS reaches_from
        FROM crumbtrail.identity_links
        WHERE id_kind IN ('visitor', 'contact') AND standing = 'linked'
    ),
    entries AS
    (
        SELECT
            touchpoint.site AS site,
            touchpoint.occurred_at AS occurred_at,
            touchpoint.log_offset AS log_offset,
            touchpoint.event_hash AS event_hash,
            if(
                touchpoint.is_friction OR touchpoint.feeling = 'negative',
                arrayFilter(topic -> topic NOT IN ('praise', 'question', 'suggestion', 'cancellation'), touchpoint.topics),
                []) AS reasons,
            if(
                touchpoint.author IN ('customer', 'system') AND multiIf(
                    touchpoint.rating_scale IN ('csat', 'stars'), touchpoint.rating BETWEEN 1 AND 5,
                    touchpoint.rating_scale = 'nps', touchpoint.rating BETWEEN 0 AND 10,
                    touchpoint.rating_scale = 'ces', touchpoint.rating BETWEEN 1 AND 7,
                    0),
                touchpoint.rating,
                NULL) AS given,
            toString(touchpoint.rating_scale) AS scale,
            if(touchpoint.customer != '', touchpoint.customer, conversation.customer) AS customer,
            if(touchpoint.visitor != '', touchpoint.visitor, conversation.visitor) AS visitor,
            if(touchpoint.contact != '', touchpoint.contact, conversation.contact) AS contact
        FROM crumbtrail.touchpoints AS touchpoint
        ASOF LEFT JOIN crumbtrail.conversations AS conversation
            ON touchpoint.site = conversation.site AND touchpoint.conversation_id = conversation.conversation_id
            AND conversation.opened_at <= touchpoint.occurred_at
        WHERE touchpoint.outcome = 'counted' AND (notEmpty(reasons) OR given IS NOT NULL)
    ),
    own AS
    (
        SELECT
            entries.site AS site,
            entries.occurred_at AS occurred_at,
            (entries.occurred_at, entries.log_offset, entries.event_hash) AS place,
            entries.reasons AS reasons,
            entries.given AS given,
            entries.scale AS scale,
            entries.visitor AS visitor,
            entries.contact AS contact,
            multiIf(
                entries.customer != '', entries.customer,
                turns.customer != '', turns.customer,
                links.customer != '' AND entries.occurred_at >= links.reaches_from, links.customer,
                '') AS own_customer
        FROM entries
        LEFT JOIN links
            ON links.site = entries.site
            AND links.id_kind = if(entries.visitor != '', 'visitor', 'contact')
            AND links.id = if(entries.visitor != '', entries.visitor, entries.contact)
        ASOF LEFT JOIN crumbtrail.device_turns AS turns
            ON turns.site = entries.site AND turns.visitor = entries.visitor AND turns.started_at <= entries.occurred_at
    ),
    said AS
    (
        SELECT
            own.site AS site,
            own.occurred_at AS occurred_at,
            own.place AS place,
            own.reasons AS reasons,
            own.given AS given,
            own.scale AS scale,
            multiIf(
                merged.merged_customer != '', concat('customer ', merged.merged_customer),
                own.own_customer != '', concat('customer ', own.own_customer),
                own.visitor != '', concat('visitor ', own.visitor),
                concat('contact ', own.contact)) AS who
        FROM own
        ASOF LEFT JOIN crumbtrail.merged_customers AS merged
            ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.occurred_at
        WHERE who != 'contact '
    ),
    opinions AS
    (
        SELECT
            whose.site AS site,
            whose.person AS person,
            groupUniqArrayArrayIf(said.reasons, said.occurred_at >= whose.until_at - INTERVAL 60 DAY) AS reasons,
            argMaxIf((assumeNotNull(said.given), said.scale), said.place, said.given IS NOT NULL) AS last,
            countIf(said.given IS NOT NULL) > 0 AS is_rated
        FROM whose
        INNER JOIN said ON said.site = whose.site AND said.who = whose.who
        WHERE said.occurred_at <= whose.until_at
        GROUP BY site, person
    ),
    answers AS
    (
        SELECT
            people.site AS site,
            people.is_leaver AS is_leaver,
            arrayJoin(if(empty(opinions.reasons), ['(none)'], opinions.reasons)) AS reason,
            opinions.is_rated OR people.kept_rating IS NOT NULL AS is_rated,
            if(people.kept_rating IS NULL, (opinions.last.1, opinions.last.2), (assumeNotNull(people.kept_rating), people.kept_scale)) AS last,
            toBool(is_rated AND multiIf(
                last.2 IN ('csat', 'stars'), last.1 >= 4,
                last.2 = 'nps', last.1 >= 9,
                last.2 = 'ces', last.1 >= 5,
                0)) AS is_satisfied
        FROM people
        LEFT JOIN opinions ON opinions.site = people.site AND opinions.person = people.person
    ),
    totals AS
    (
        SELECT site, countIf(is_leaver) AS leavers, countIf(NOT is_leaver) AS stayers FROM people GROUP BY site
    )
SELECT
    answers.site AS site,
    answers.reason AS reason,
    countIf(answers.is_leaver) AS leaver_count,
    any(totals.leavers) AS all_leaver_count,
    if(all_leaver_count = 0, 0, leaver_count / all_leaver_count) AS leaver_share,
    countIf(NOT answers.is_leaver) AS stayer_count,
    if(any(totals.stayers) = 0, 0, stayer_count / any(totals.stayers)) AS stayer_share,
    if(stayer_count = 0, NULL, leaver_share / stayer_share) AS lift,
    countIf(answers.is_leaver AND answers.is_rated) AS rated_count,
    countIf(answers.is_leaver AND answers.is_satisfied) AS satisfied_count,
    if(rated_count = 0, NULL, satisfied_count / rated_count) AS satisfied_share
FROM answers
INNER JOIN totals ON totals.site = answers.site
GROUP BY site, reason
COMMENT 'Why customers stop buying: of the people who cancelled, how many complained of what within the 60 days before';

-- 0159_sentiment_daily_view.sql
-- Feeling of what customers wrote, by channel and language.
CREATE OR REPLACE VIEW crumbtrail.sentiment_daily
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the text, UTC',
    channel LowCardinality(String) COMMENT 'Channel it was written on',
    language LowCardinality(String) COMMENT 'Language of the text',
    text_count UInt64 COMMENT 'Texts, count',
    negative_count UInt64 COMMENT 'Negative texts, count',
    neutral_count UInt64 COMMENT 'Neutral texts, count',
    positive_count UInt64 COMMENT 'Positive texts, count',
    friction_count UInt64 COMMENT 'Texts that state a factual complaint, count',
    score_mean Nullable(Float64) COMMENT 'Mean score, -1 to 1'
)
AS SELECT
    site,
    toDate(occurred_at) AS day,
    channel,
    language,
    count() AS text_count,
    countIf(feeling = 'negative') AS negative_count,
    countIf(feeling = 'neutral') AS neutral_count,
    countIf(feeling = 'positive') AS positive_count,
    countIf(is_friction) AS friction_count,
    avg(score) AS score_mean
FROM crumbtrail.touchpoints
WHERE outcome = 'counted' AND feeling != '' AND author IN ('', 'customer') AND bot = ''
GROUP BY site, day, channel, language
COMMENT 'Feeling of what customers wrote, by channel and language';

-- 0160_device_turns_view.sql
-- Devices on which several customers were named: whose turn it was from when on, as their sessions say. What is anonymous after such a
-- session, up to the next one, is that customer's (docs/identity.md). Not where an operator said whose the device is.
CREATE OR REPLACE VIEW crumbtrail.device_turns
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
FROM crumbtrail.sessions AS sessions
WHERE sessions.customer != '' AND sessions.bot = ''
    AND (sessions.site, sessions.visitor, sessions.customer) IN
    (
        SELECT site, id, customer
        FROM crumbtrail.identity_links
        WHERE id_kind = 'visitor' AND standing IN ('linked', 'rival')
    )
    AND (sessions.site, sessions.visitor) IN
    (
        SELECT site, id
        FROM crumbtrail.identity_links
        WHERE id_kind = 'visitor'
        GROUP BY site, id
        HAVING countIf(standing IN ('linked', 'rival')) > 1 AND countIf(standing = 'linked' AND how = 'operator') = 0
    )
COMMENT 'Devices on which several customers were named: whose turn it was from when on';

-- 0161_content_performance_view.sql
-- Pages: how often seen, where sessions begin, end and bounce, and how people felt who wrote there.
CREATE OR REPLACE VIEW crumbtrail.content_performance
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day, UTC: of the view; for entries, exits and bounces of the beginning of the session',
    page String COMMENT 'Page (templated path)',
    page_group String COMMENT 'Group of the page by the page rules, the latest told; empty without',
    content_type String COMMENT 'Content type of the page by the page rules, the latest told; empty without',
    content_topic String COMMENT 'Topic of the page by the page rules, the latest told; empty without',
    view_count UInt64 COMMENT 'Views, count',
    session_count UInt64 COMMENT 'Sessions that saw it, count',
    entry_count UInt64 COMMENT 'Sessions that began there, count',
    exit_count UInt64 COMMENT 'Sessions that ended there, count',
    bounce_count UInt64 COMMENT 'Sessions that began there and were not engaged, count',
    text_count UInt64 COMMENT 'Texts left there, count',
    score_mean Nullable(Float64) COMMENT 'Mean score of those texts, -1 to 1; NULL without'
)
AS SELECT
    site,
    day,
    page,
    max(labels).1 AS page_group,
    max(labels).2 AS content_type,
    max(labels).3 AS content_topic,
    sum(views) AS view_count,
    sum(seen_by) AS session_count,
    sum(entries) AS entry_count,
    sum(exits) AS exit_count,
    sum(bounces) AS bounce_count,
    sum(texts) AS text_count,
    if(text_count = 0, NULL, sum(scores) / text_count) AS score_mean
FROM
(
    SELECT
        site, toDate(occurred_at) AS day, page,
        argMax(CAST((page_group, content_type, content_topic), 'Tuple(String, String, String)'), occurred_at) AS labels,
        countIf(kind IN ('page_view', 'screen_view')) AS views,
        uniqExactIf(session_id, kind IN ('page_view', 'screen_view')) AS seen_by, 0 AS entries, 0 AS exits, 0 AS bounces,
        count(score) AS texts, ifNull(sum(score), 0) AS scores
    FROM crumbtrail.touchpoints
    WHERE outcome = 'counted' AND page != '' AND bot = ''
    GROUP BY site, day, page
    UNION ALL
    SELECT site, toDate(started_at) AS day, entry_page, ('', '', ''), 0, 0, count(), 0, countIf(NOT is_engaged), 0, 0
    FROM crumbtrail.sessions
    WHERE entry_page != '' AND bot = ''
    GROUP BY site, day, entry_page
    UNION ALL
    SELECT site, toDate(started_at) AS day, exit_page, ('', '', ''), 0, 0, 0, count(), 0, 0, 0
    FROM crumbtrail.sessions
    WHERE exit_page != '' AND bot = ''
    GROUP BY site, day, exit_page
)
GROUP BY site, day, page
COMMENT 'Pages: how often seen, where sessions begin, end and bounce, and how people felt who wrote there';

-- 0162_sessions_by_place_view.sql
-- Sessions and what came of them by place.
CREATE OR REPLACE VIEW crumbtrail.sessions_by_place
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2; empty if unknown',
    region LowCardinality(String) COMMENT 'First-level region, English name; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    currency LowCardinality(String) COMMENT 'Currency of revenue, ISO 4217; empty for sessions without purchase',
    session_count UInt64 COMMENT 'Sessions, count',
    visitor_count UInt64 COMMENT 'Visitors, count',
    engaged_count UInt64 COMMENT 'Engaged sessions, count',
    purchase_count UInt64 COMMENT 'Purchases, count',
    revenue Decimal(38, 6) COMMENT 'Revenue, in units of currency',
    latitude Nullable(Float64) COMMENT 'Mean latitude, degrees; NULL if unknown',
    longitude Nullable(Float64) COMMENT 'Mean longitude, degrees; NULL if unknown'
)
AS SELECT
    site,
    toDate(started_at) AS day,
    country,
    region,
    city,
    if(session.purchase_count > 0, session.currency, '') AS currency,
    count() AS session_count,
    uniqExact(visitor) AS visitor_count,
    countIf(is_engaged) AS engaged_count,
    sum(session.purchase_count) AS purchase_count,
    sum(session.revenue) AS revenue,
    avg(session.latitude) AS latitude,
    avg(session.longitude) AS longitude
FROM crumbtrail.sessions AS session
WHERE bot = ''
GROUP BY site, day, country, region, city, currency
COMMENT 'Sessions and what came of them by place';

-- 0163_store_visits_view.sql
-- Visits to shops, and whose devices were seen inside the fence of one.
CREATE OR REPLACE VIEW crumbtrail.store_visits
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the visit, UTC',
    store LowCardinality(String) COMMENT 'Shop id',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2; empty if unknown',
    city LowCardinality(String) COMMENT 'City, English name; empty if unknown',
    visit_count UInt64 COMMENT 'Visits, count',
    customer_count UInt64 COMMENT 'Known customers who came, count',
    visitor_count UInt64 COMMENT 'Visitors (devices) seen there, by a visit told or a position inside the fence of the shop, count',
    text_count UInt64 COMMENT 'Texts left about the shop, count',
    score_mean Nullable(Float64) COMMENT 'Mean score of those texts, -1 to 1; NULL without'
)
AS SELECT
    site,
    toDate(occurred_at) AS day,
    store,
    country,
    city,
    countIf(kind = 'store_visit') AS visit_count,
    uniqExactIf(customer, kind = 'store_visit' AND customer != '') AS customer_count,
    uniqExactIf(visitor, visitor != '' AND author = '') AS visitor_count,
    count(score) AS text_count,
    avg(score) AS score_mean
FROM crumbtrail.touchpoints
WHERE outcome = 'counted' AND store != '' AND bot = ''
GROUP BY site, day, store, country, city
COMMENT 'Visits to shops, and whose devices were seen inside the fence of one';

-- 0164_audit_view.sql
-- The proof: what contradicts the promise that every record ends in exactly one outcome and stands in the tables once.
-- Empty when all is right. `crumbtrail audit` prints it with what each kind means and what to do.
CREATE OR REPLACE VIEW crumbtrail.audit
(
    kind String COMMENT 'hole: a stretch of the log nobody loaded; overlap: loaded under two cuts; conflict: the same stretch loaded with two contents; balance: accepted records are not the sum of their outcomes; differ: tables tell different counts, checksums or times of one stretch; uneven: tables of one processor end apart; rows: the table holds another number of records with this outcome than the ledger; places: as many, but not the same ones; unclaimed: rows that no ledger row speaks of, though the ledger went on elsewhere',
    epoch UInt8 COMMENT 'Routing epoch',
    processor LowCardinality(String) COMMENT 'Processor: sessionize or journey',
    partition UInt32 COMMENT 'Partition of the log the processor read',
    table_name String COMMENT 'Table; empty where it is about several',
    from_offset UInt64 COMMENT 'First log offset concerned',
    to_offset UInt64 COMMENT 'End of the stretch concerned, exclusive',
    expected_count Int64 COMMENT 'What the ledger says, in records; offsets for hole, overlap and uneven, the sum of hashes for places',
    found_count Int64 COMMENT 'What is found, in the same unit',
    detail String COMMENT 'What is wrong, in words'
)
AS WITH
    stretches AS
    (
        SELECT
            epoch, processor, partition, table_name, from_offset, to_offset,
            count() AS claim_count,
            max(record_count) AS accepted,
            max(counted_count + late_count + duplicate_count + bot_count + filtered_count + erased_count + dead_count) AS decided
        FROM crumbtrail.batches
        GROUP BY epoch, processor, partition, table_name, from_offset, to_offset
    ),
    chains AS
    (
        SELECT
            *,
            max(to_offset) OVER (
                PARTITION BY epoch, processor, partition, table_name ORDER BY from_offset, to_offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to
        FROM stretches
    ),
    claims AS
    (
        SELECT
            epoch, partition, table_name, from_offset,
            max(to_offset) AS end_offset,
            max(watermark_at) AS marked_at,
            max(row_count) AS row_claim,
            any(row_checksum) AS row_sum,
            maxForEach(if(table_name = 'dead_letters',
                [0, 0, 0, 0, 0, 0, dead_count],
                [counted_count, late_count, duplicate_count, bot_count, filtered_count, erased_count, 0])) AS records
        FROM crumbtrail.batches
        WHERE processor = 'sessionize' AND table_name IN ('touchpoints', 'dead_letters')
        GROUP BY epoch, partition, table_name, from_offset
    ),
    table_rows AS
    (
        SELECT
            log_epoch, log_partition, 'touchpoints' AS row_table, log_offset,
            [countIf(outcome = 'counted'), countIf(outcome = 'late'), countIf(outcome = 'duplicate'), countIf(outcome = 'bot'),
                countIf(outcome = 'filtered'), countIf(outcome = 'erased'), 0] AS rows,
            sum(position_hash) AS row_sum
        FROM crumbtrail.touchpoints
        GROUP BY log_epoch, log_partition, log_offset
        UNION ALL
        SELECT log_epoch, log_partition, 'dead_letters', log_offset, [0, 0, 0, 0, 0, 0, count()], sum(position_hash)
        FROM crumbtrail.dead_letters
        GROUP BY log_epoch, log_partition, log_offset
    ),
    placed_rows AS
    (
        SELECT
            log_epoch, log_partition, row_table, rows, table_rows.row_sum AS found_sum, log_offset,
            if(log_offset < end_offset, from_offset, 0xFFFFFFFFFFFFFFFF) AS place
        FROM table_rows
        ASOF LEFT JOIN claims ON table_rows.log_epoch = claims.epoch AND table_rows.log_partition = claims.partition
            AND table_rows.row_table = claims.table_name AND table_rows.log_offset >= claims.from_offset
    ),
    compared AS
    (
        SELECT
            row_epoch, row_partition, row_table, place,
            max(claim_end) AS stretch_end,
            -- Not `max`: once a server has compiled it (at the fourth question; 26.7), times before 1970, which stand for none, are the highest.
            anyIf(marked_at, claim_end > 0) AS watermark_at,
            max(row_claim) AS row_claims,
            sumForEach(records) AS claimed,
            sumForEach(rows) AS found,
            sum(claimed_sum) AS sum_claimed,
            sum(found_sum) AS sum_found,
            max(log_offset) AS last_offset
        FROM
        (
            SELECT
                epoch AS row_epoch, partition AS row_partition, table_name AS row_table, from_offset AS place,
                end_offset AS claim_end, marked_at, row_claim,
                records, [0, 0, 0, 0, 0, 0, 0] AS rows, row_sum AS claimed_sum, 0 AS found_sum, 0 AS log_offset
            FROM claims
            UNION ALL
            SELECT
                log_epoch, log_partition, row_table, place, 0, toDateTime64(0, 3, 'UTC'), 0,
                [0, 0, 0, 0, 0, 0, 0], rows, 0, found_sum, log_offset
            FROM placed_rows
        )
        GROUP BY row_epoch, row_partition, row_table, place
    ),
    ends AS
    (
        SELECT epoch, partition, max(to_offset) AS end_offset, max(written_at) AS ended_at
        FROM crumbtrail.batches
        WHERE processor = 'sessionize'
        GROUP BY epoch, partition
    ),
    -- What a ttl may have taken that has been made longer since: rows of a ledger row as in `ttl_keeps_rows`.
    taken_by_ttl AS
    (
        SELECT if(count() = 0, toDateTime64('1900-01-01 00:00:00', 3, 'UTC'),
            max(applied_at - toIntervalDay(greatest(toInt32OrZero(splitByChar(' ', toString(file))[3]), 8) - 8))) AS until
        FROM crumbtrail.schema_migrations
        WHERE startsWith(file, 'ttl ')
    ),
    newest AS
    (
        SELECT epoch, max(ended_at) AS went_on_at
        FROM ends
        GROUP BY epoch
    )
SELECT
    if(chains.from_offset > covered_to, 'hole', 'overlap') AS kind,
    epoch,
    processor,
    partition,
    table_name,
    least(chains.from_offset, covered_to) AS from_offset,
    greatest(chains.from_offset, covered_to) AS to_offset,
    toInt64(covered_to) AS expected_count,
    toInt64(chains.from_offset) AS found_count,
    if(covered_to = 0, 'the first stretch does not begin where the log does',
        'a stretch begins elsewhere than the one before it ended') AS detail
FROM chains
WHERE chains.from_offset != covered_to
UNION ALL
SELECT
    'conflict', epoch, processor, partition, table_name, from_offset, to_offset, 1, toInt64(claim_count),
    'one stretch was loaded with different contents'
FROM stretches
WHERE claim_count > 1
UNION ALL
SELECT
    'balance', epoch, processor, partition, table_name, from_offset, to_offset, toInt64(accepted), toInt64(decided),
    'accepted records are not the sum of their outcomes'
FROM stretches
WHERE accepted != decided
UNION ALL
SELECT
    'differ', epoch, processor, partition, '', from_offset, to_offset, 1,
    toInt64(uniqExact(record_count, counted_count, late_count, duplicate_count, bot_count, filtered_count, erased_count, dead_count,
        position_checksum, watermark_at, written_at)) AS told_count,
    'the ledger rows of one stretch tell different counts, checksums or times, table by table'
FROM crumbtrail.batches
GROUP BY epoch, processor, partition, from_offset, to_offset
HAVING told_count > 1
UNION ALL
SELECT
    'uneven', epoch, processor, partition, '', min(ends), max(ends), toInt64(max(ends)), toInt64(min(ends)),
    'tables of one processor end at different offsets, or one is missing from the ledger'
FROM
(
    SELECT epoch, processor, partition, known_table, max(if(table_name = known_table, to_offset, 0)) AS ends
    FROM stretches
    ARRAY JOIN if(processor = 'sessionize',
        ['touchpoints', 'sessions', 'conversations', 'dead_letters', 'identity_links'],
        ['journeys', 'stage_moves', 'conversions', 'breadcrumbs']) AS known_table
    GROUP BY epoch, processor, partition, known_table
)
GROUP BY epoch, processor, partition
HAVING min(ends) != max(ends)
UNION ALL
SELECT
    finding.1, row_epoch, 'sessionize', row_partition, row_table,
    if(finding.1 = 'unclaimed', ends.end_offset, place),
    if(finding.1 = 'unclaimed', last_offset + 1, stretch_end),
    toInt64(finding.3), toInt64(finding.4),
    multiIf(
        finding.1 = 'rows', concat('the table holds another number of records with the outcome ', finding.2),
        finding.1 = 'places', 'the table holds as many records as the ledger says, but not the same ones',
        'rows stand behind the end of the ledger, though that of other partitions went on for hours')
FROM compared
INNER JOIN newest ON compared.row_epoch = newest.epoch
LEFT JOIN ends ON compared.row_epoch = ends.epoch AND compared.row_partition = ends.partition
CROSS JOIN taken_by_ttl
ARRAY JOIN multiIf(
    place = 0xFFFFFFFFFFFFFFFF,
    if(last_offset >= ends.end_offset AND newest.went_on_at > ends.ended_at + INTERVAL 2 HOUR,
        [('unclaimed', '', 0, arraySum(found))], []),
    NOT (1) OR watermark_at < taken_by_ttl.until OR (row_table = 'touchpoints' AND row_claims = 0),
    [],
    claimed = found,
    if(sum_claimed != 0 AND sum_claimed != sum_found, [('places', '', sum_claimed, sum_found)], []),
    arrayFilter(counts -> counts.3 != counts.4, arrayMap(
        (outcome, expected, there) -> ('rows', outcome, expected, there),
        ['counted', 'late', 'duplicate', 'bot', 'filtered', 'erased', 'dead'], claimed, found))) AS finding
COMMENT 'The proof: what contradicts the promise that every record ends in exactly one outcome and stands in the tables once';

-- 0165_conversation_people_view.sql
-- Whose each conversation is: the customer named in it, else whose turn it was on a device of several, else whose its visitor or contact
-- is by the links, or of whom that customer is another id; else the visitor's or contact's own.
CREATE OR REPLACE VIEW crumbtrail.conversation_people
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    visitor String COMMENT 'Visitor id, empty if unknown',
    customer String COMMENT 'Customer it is of, aliases followed; empty if unknown',
    person String COMMENT 'Key of the journey it belongs to, 32 hexadecimal digits'
)
AS SELECT
    own.site AS site,
    own.conversation_id AS conversation_id,
    own.opened_at AS opened_at,
    own.visitor AS visitor,
    if(own.own_customer != '' AND merged.merged_customer != '', merged.merged_customer, own.own_customer) AS customer,
    if(own.own_customer != '' AND merged.merged_customer != '', merged.person, own.own_person) AS person
FROM
(
    SELECT
        conversations.site AS site,
        conversations.conversation_id AS conversation_id,
        conversations.opened_at AS opened_at,
        conversations.visitor AS visitor,
        multiIf(NOT is_by_link, conversations.customer, turns.customer != '', turns.customer, links.customer) AS own_customer,
        multiIf(NOT is_by_link, conversations.person, turns.customer != '', turns.person, links.person) AS own_person,
        conversations.customer = ''
            AND (turns.customer != '' OR (links.customer != '' AND conversations.opened_at >= links.reaches_from)) AS is_by_link
    FROM crumbtrail.conversations AS conversations
    LEFT JOIN
    (
        SELECT site, toString(id_kind) AS id_kind, id, customer, person, assumeNotNull(reaches_from) AS reaches_from
        FROM crumbtrail.identity_links
        WHERE id_kind IN ('visitor', 'contact') AND standing = 'linked'
    ) AS links
        ON links.site = conversations.site
        AND links.id_kind = if(conversations.visitor != '', 'visitor', 'contact')
        AND links.id = if(conversations.visitor != '', conversations.visitor, conversations.contact)
    ASOF LEFT JOIN crumbtrail.device_turns AS turns
        ON turns.site = conversations.site AND turns.visitor = conversations.visitor AND turns.started_at <= conversations.opened_at
) AS own
ASOF LEFT JOIN crumbtrail.merged_customers AS merged
    ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.opened_at
COMMENT 'Whose each conversation is: the customer named in it, else whose its visitor or contact is by the links, aliases followed';

-- 0166_store_stays_view.sql
-- Stays in shops, one a row: who came in, stayed and left, by positions and visits told.
CREATE OR REPLACE VIEW crumbtrail.store_stays
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    store String COMMENT 'Shop id',
    entered_at DateTime64(3, 'UTC') COMMENT 'First position inside, or visit told, ms, UTC',
    left_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First position beyond, or last seen inside where none followed, ms, UTC; NULL while they may still be there',
    inside_ms UInt64 COMMENT 'From entering to last seen inside, ms',
    is_dwell Bool COMMENT 'Inside for at least fence_dwell_seconds: no passer-by',
    visit_count UInt32 COMMENT 'Visits told during it by beacons, tills and check-ins, count',
    visitor String COMMENT 'Visitor id (device or browser)',
    customer String COMMENT 'Customer id; empty if unknown',
    person String COMMENT 'Key of the person, 32 hexadecimal digits',
    session_id String COMMENT 'Session it belongs to, 16 hexadecimal digits'
)
AS SELECT
    site,
    stay.store AS store,
    stay.entered_at AS entered_at,
    stay.left_at AS left_at,
    stay.inside_ms AS inside_ms,
    stay.is_dwell AS is_dwell,
    stay.visit_count AS visit_count,
    visitor,
    customer,
    person,
    session_id
FROM crumbtrail.sessions
ARRAY JOIN stays AS stay
WHERE bot = ''
COMMENT 'Stays in shops, one a row: who came in, stayed and left, by positions and visits told';

-- 0167_answers_elsewhere_view.sql
-- What answers a conversation without an id of its own that waits: by the table its customer waits for ever if the reply fell into
-- another row, as it came after more than the gap of silence or named the person otherwise. Here it is the first later reply to the
-- same person on the same channel; one in a case with an id counts if that began after the question.
CREATE OR REPLACE VIEW crumbtrail.answers_elsewhere
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation, one made of person, channel and first entry',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    asked_at DateTime64(3, 'UTC') COMMENT 'The first word that is not answered in it, ms, UTC',
    answered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First message of a human agent after asked_at elsewhere, as far as the rows of conversations tell its time, ms, UTC; NULL without',
    settled_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First reply, resolution or close elsewhere after the customer\'s last word in it, ms, UTC; NULL while it still waits'
)
AS SELECT
    site,
    conversation_id,
    opened_at,
    minIf(at, what = 'asked') AS asked_at,
    minIf(next_reply_at, what = 'asked') AS answered_at,
    minIf(least(ifNull(next_reply_at, next_end_at), ifNull(next_end_at, next_reply_at)), what = 'last') AS settled_at
FROM
(
    SELECT
        site, conversation_id, opened_at, what, at,
        minIf(toNullable(at), what = 'reply') OVER later AS next_reply_at,
        minIf(toNullable(at), what = 'end') OVER later AS next_end_at
    FROM
    (
        -- `since` is what a question must come before to be answered by it.
        SELECT
            site, person, channel, conversation_id, opened_at,
            told.1 AS what, assumeNotNull(told.2) AS at, if(is_made OR what IN ('asked', 'last'), at, opened_at) AS since
        FROM
        (
            SELECT
                whose.site AS site, whose.person AS person, toString(conversations.channel) AS channel,
                whose.conversation_id AS conversation_id, whose.opened_at AS opened_at,
                startsWith(whose.conversation_id, '~') AS is_made,
                is_made AND awaiting = 'agent' AS is_asking,
                customer_message_count = 0 AND first_reply_at IS NULL AND agent_message_count > 0 AS is_agents_alone,
                arrayJoin(arrayFilter(it -> it.2 IS NOT NULL, [
                    ('asked', if(is_asking, waiting_since_at, NULL)),
                    ('last', multiIf(NOT is_asking, NULL, customer_message_count > 1, last_at, waiting_since_at)),
                    ('reply', first_reply_at),
                    ('reply', if(awaiting = 'customer', waiting_since_at, NULL)),
                    ('reply', if(is_agents_alone AND awaiting = '', whose.opened_at, NULL)),
                    ('end', first_resolved_at),
                    ('end', resolved_at),
                    ('end', if(status = 'closed', last_at, NULL))])) AS told
            FROM crumbtrail.conversations AS conversations
            INNER JOIN crumbtrail.conversation_people AS whose
                ON whose.site = conversations.site AND whose.conversation_id = conversations.conversation_id
                AND whose.opened_at = conversations.opened_at
            WHERE conversations.customer != '' OR conversations.visitor != '' OR conversations.contact != ''
        )
    )
    WINDOW later AS (
        PARTITION BY site, person, channel ORDER BY since DESC, what IN ('asked', 'last') DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE what IN ('asked', 'last')
GROUP BY site, conversation_id, opened_at
HAVING answered_at IS NOT NULL OR settled_at IS NOT NULL
COMMENT 'Replies to waiting conversations without an id that fell into another conversation of the person';

-- 0168_customer_words_view.sql
-- When the customer spoke in each conversation: messages, mentions, contacts opened, matters reopened, and ratings where these begin a
-- contact. What the service or an automaton opened has no row until the customer says something. Touchpoints know each word; where these
-- are not kept (any more), the columns of the conversation stand for them.
CREATE OR REPLACE VIEW crumbtrail.customer_words
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry of the conversation, whoever made it, ms, UTC',
    visitor String COMMENT 'Visitor id, empty if unknown',
    customer String COMMENT 'Customer it is of, aliases followed; empty if unknown',
    person String COMMENT 'Key of the journey it belongs to, 32 hexadecimal digits',
    said_at Array(DateTime64(3, 'UTC')) COMMENT 'The words in the order of time, ms, UTC; never empty. Without touchpoints: the first entry, and the first word that waits'
)
AS SELECT
    whose.site AS site,
    whose.conversation_id AS conversation_id,
    whose.opened_at AS opened_at,
    whose.visitor AS visitor,
    whose.customer AS customer,
    whose.person AS person,
    arraySort(arrayConcat(words.said_at, multiIf(
        NOT has_word OR (notEmpty(words.said_at) AND length(words.said_at) >= customer_message_count), [],
        NOT is_since_word, [whose.opened_at],
        first_reply_at IS NULL, [assumeNotNull(waiting_since_at)],
        [whose.opened_at, assumeNotNull(waiting_since_at)]))) AS said_at
FROM
(
    SELECT
        site, conversation_id, opened_at, customer_message_count, first_reply_at, waiting_since_at,
        -- Where a matter was reopened, what waits may be that.
        awaiting = 'agent' AND reopen_count = 0 AS is_since_word,
        customer_message_count > 0 OR first_reply_at IS NOT NULL OR is_since_word OR (requester_wait_ms > 0 AND reopen_count = 0)
            OR (rating_first IS NOT NULL AND channel IN ('review', 'survey', 'social', 'comment')) AS has_word
    FROM crumbtrail.conversations
) AS conversations
INNER JOIN crumbtrail.conversation_people AS whose
    ON whose.site = conversations.site AND whose.conversation_id = conversations.conversation_id
    AND whose.opened_at = conversations.opened_at
LEFT JOIN
(
    SELECT own.site AS site, own.conversation_id AS conversation_id, own.opened_at AS opened_at, groupArray(entries.occurred_at) AS said_at
    FROM
    (
        SELECT
            site, occurred_at, conversation_id AS told_id, kind, toString(channel) AS channel,
            multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
            if(told_id != '', ('', told_id), (channel, who)) AS matter
        FROM crumbtrail.touchpoints
        WHERE outcome = 'counted' AND author = 'customer' AND kind IN ('message', 'mention', 'opened', 'reopened', 'rating')
    ) AS entries
    ASOF INNER JOIN
    (
        SELECT
            site, conversation_id, opened_at, last_at, toString(channel) AS channel,
            multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
            if(startsWith(conversation_id, '~'), (channel, who), ('', conversation_id)) AS matter
        FROM crumbtrail.conversations
    ) AS own
        ON own.site = entries.site AND own.matter = entries.matter AND own.opened_at <= entries.occurred_at
    WHERE (entries.told_id != '' OR (entries.who != 'c' AND entries.occurred_at <= own.last_at))
        AND (entries.kind != 'rating' OR own.channel IN ('review', 'survey', 'social', 'comment'))
    GROUP BY site, conversation_id, opened_at
) AS words
    ON words.site = whose.site AND words.conversation_id = whose.conversation_id AND words.opened_at = whose.opened_at
WHERE notEmpty(said_at)
COMMENT 'When the customer spoke in each conversation';

-- 0170_session_people_view.sql
-- Whose each session of a person is: the customer named in it, else whose turn it was on a device of several, else whose its visitor is
-- by the links, or of whom that customer is another id; else the visitor's own.
CREATE OR REPLACE VIEW crumbtrail.session_people
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    session_id String COMMENT 'Session, 16 hexadecimal digits',
    started_at DateTime64(3, 'UTC') COMMENT 'First event of the session, ms, UTC',
    ended_at DateTime64(3, 'UTC') COMMENT 'Last event of the session, ms, UTC',
    visitor String COMMENT 'Visitor id',
    customer String COMMENT 'Customer the session is of, aliases followed; empty if unknown',
    person String COMMENT 'Key of the journey the session belongs to, 32 hexadecimal digits',
    is_by_link Bool COMMENT 'The session names no customer: its visitor is linked to one, or was used by one last',
    is_by_alias Bool COMMENT 'It is of a customer by another id',
    is_continuation Bool COMMENT 'It began where a longer one was rolled over, or at midnight where midnight cuts: the same visit goes on',
    is_engaged Bool COMMENT 'This part of the visit is 10 s long, or has 2 views, or a conversion',
    view_count UInt32 COMMENT 'Page and screen views, count'
)
AS SELECT
    own.site AS site,
    own.session_id AS session_id,
    own.started_at AS started_at,
    own.ended_at AS ended_at,
    own.visitor AS visitor,
    if(is_by_alias, merged.merged_customer, own.own_customer) AS customer,
    if(is_by_alias, merged.person, own.own_person) AS person,
    own.is_by_link AS is_by_link,
    toBool(own.own_customer != '' AND merged.merged_customer != '') AS is_by_alias,
    own.is_continuation AS is_continuation,
    own.is_engaged AS is_engaged,
    own.view_count AS view_count
FROM
(
    SELECT
        sessions.site AS site,
        sessions.session_id AS session_id,
        sessions.started_at AS started_at,
        sessions.ended_at AS ended_at,
        sessions.visitor AS visitor,
        sessions.is_continuation AS is_continuation,
        sessions.is_engaged AS is_engaged,
        sessions.view_count AS view_count,
        multiIf(NOT is_by_link, sessions.customer, turns.customer != '', turns.customer, links.customer) AS own_customer,
        multiIf(NOT is_by_link, sessions.person, turns.customer != '', turns.person, links.person) AS own_person,
        toBool(sessions.customer = ''
            AND (turns.customer != '' OR (links.customer != '' AND sessions.started_at >= links.reaches_from))) AS is_by_link
    FROM crumbtrail.sessions AS sessions
    LEFT JOIN
    (
        SELECT site, id, customer, person, assumeNotNull(reaches_from) AS reaches_from
        FROM crumbtrail.identity_links
        WHERE id_kind = 'visitor' AND standing = 'linked'
    ) AS links
        ON links.site = sessions.site AND links.id = sessions.visitor
    ASOF LEFT JOIN crumbtrail.device_turns AS turns
        ON turns.site = sessions.site AND turns.visitor = sessions.visitor AND turns.started_at <= sessions.started_at
    WHERE sessions.bot = ''
) AS own
ASOF LEFT JOIN crumbtrail.merged_customers AS merged
    ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.started_at
COMMENT 'Whose each session of a person is: the customer named in it, else whose its visitor is by the links, aliases followed; else the visitor\'s own';

-- 0171_visits_view.sql
-- Sessions with what another key decides: which one of its visitor it is, whether the person is new, and whether service was asked for.
-- A visit that midnight or a cap cut is one: its continuations carry its numbers, its newness and its bounce.
CREATE OR REPLACE VIEW crumbtrail.visits
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    started_at DateTime64(3, 'UTC') COMMENT 'First event, ms, UTC',
    session_id String COMMENT 'Id of the session, 16 hexadecimal digits',
    visitor String COMMENT 'Visitor id (device or browser)',
    person String COMMENT 'Key of the person the session belongs to, links and aliases followed, 32 hexadecimal digits',
    is_continuation Bool COMMENT 'It goes on with the visit of the row before it; rows without are the visits',
    visitor_session_number UInt64 COMMENT 'Which visit of its visitor it is, continuations not counted, from 1, robots apart, count',
    person_session_number UInt64 COMMENT 'Which visit of its person it is, over all their devices, continuations not counted, from 1, count',
    is_returning Bool COMMENT 'The person had a visit before this one, on any device',
    is_bounce Bool COMMENT 'The visit, continuations included, is not engaged: no part is, and of several all together are shorter than 10 s and have fewer than 2 views',
    has_contact_within_day Bool COMMENT 'The person or the visitor said something to the service during it or within 24 h after its end, in whatever conversation; what the service or an automaton said counts not',
    late_event_count UInt64 COMMENT 'Events of the visitor that came too late to be counted and lie within it, count',
    is_corrected Bool COMMENT 'It holds an event first counted under an id since taken back: an earlier event came, or two sessions became one',
    contact_text_count UInt64 COMMENT 'Texts of the visitor or the customer to the service during it, count',
    contact_score Nullable(Float64) COMMENT 'Mean score of those texts, -1 to 1; NULL without'
)
AS SELECT
    sessions.site AS site,
    sessions.started_at AS started_at,
    sessions.session_id AS session_id,
    sessions.visitor AS visitor,
    sessions.person AS person,
    sessions.is_continuation AS is_continuation,
    sessions.visitor_session_number AS visitor_session_number,
    sessions.person_session_number AS person_session_number,
    toBool(person_session_number > 1) AS is_returning,
    sessions.is_bounce AS is_bounce,
    toBool(arrayExists(said -> said BETWEEN sessions.started_at AND sessions.ended_at + INTERVAL 1 DAY,
        arrayConcat(by_person.said, by_visitor.said))) AS has_contact_within_day,
    arrayCount(occurred -> occurred BETWEEN sessions.started_at AND sessions.ended_at, late.occurred) AS late_event_count,
    toBool(arrayExists(occurred -> occurred BETWEEN sessions.started_at AND sessions.ended_at, moved.occurred)) AS is_corrected,
    length(arrayFilter(said -> said.1 BETWEEN sessions.started_at AND sessions.ended_at,
        arrayDistinct(arrayConcat(by_visitor_said.texts, by_customer_said.texts))) AS texts) AS contact_text_count,
    if(empty(texts), NULL, arrayAvg(said -> said.3, texts)) AS contact_score
FROM
(
    SELECT
        site, session_id, started_at, ended_at, visitor, customer, person, is_continuation, visitor_session_number, is_bounce,
        -- What its person had begun when the visit began: of another device's visits, those before it.
        min(begun_count) OVER (PARTITION BY site, person, visitor, visitor_session_number) AS person_session_number
    FROM
    (
        SELECT
            *,
            sum(is_first_part) OVER (
                PARTITION BY site, person ORDER BY started_at, session_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begun_count
        FROM
        (
            SELECT
                *,
                -- What is of another person than the part before it is a visit of that person.
                toUInt64(row_number() OVER (
                    PARTITION BY site, visitor, visitor_session_number, person ORDER BY started_at, session_id) = 1) AS is_first_part,
                toBool(max(is_engaged) OVER visit = 0 AND (count() OVER visit = 1 OR (sum(view_count) OVER visit < 2
                    AND dateDiff('millisecond', min(started_at) OVER visit, max(ended_at) OVER visit) < 10000))) AS is_bounce
            FROM
            (
                SELECT
                    *,
                    sum(toUInt64(NOT is_continuation)) OVER past + toUInt64(first_value(is_continuation) OVER past) AS visitor_session_number
                FROM crumbtrail.session_people
                WINDOW past AS (PARTITION BY site, visitor ORDER BY started_at, session_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            )
            WINDOW visit AS (PARTITION BY site, visitor, visitor_session_number)
        )
    )
) AS sessions
LEFT JOIN (SELECT site, person, groupArrayArray(said_at) AS said FROM crumbtrail.customer_words GROUP BY site, person) AS by_person
    ON by_person.site = sessions.site AND by_person.person = sessions.person
LEFT JOIN (
    SELECT site, visitor, groupArrayArray(said_at) AS said FROM crumbtrail.customer_words WHERE visitor != '' GROUP BY site, visitor) AS by_visitor
    ON by_visitor.site = sessions.site AND by_visitor.visitor = sessions.visitor
LEFT JOIN (SELECT site, visitor, groupArray(occurred_at) AS occurred FROM crumbtrail.touchpoints WHERE outcome = 'late' AND bot = '' AND author = '' GROUP BY site, visitor) AS late
    ON late.site = sessions.site AND late.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, visitor, groupArray(occurred_at) AS occurred
    FROM crumbtrail.touchpoints
    WHERE session_id != '' AND bot = '' AND session_id NOT IN (SELECT session_id FROM crumbtrail.sessions)
    GROUP BY site, visitor) AS moved
    ON moved.site = sessions.site AND moved.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, visitor, groupArray((occurred_at, event_hash, assumeNotNull(score))) AS texts
    FROM crumbtrail.touchpoints
    WHERE outcome = 'counted' AND author = 'customer' AND score IS NOT NULL AND visitor != ''
    GROUP BY site, visitor) AS by_visitor_said
    ON by_visitor_said.site = sessions.site AND by_visitor_said.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, if(merged.merged_customer != '', merged.merged_customer, said.said_by) AS customer,
        groupArray((occurred_at, event_hash, score)) AS texts
    FROM (
        SELECT site, customer AS said_by, occurred_at, event_hash, assumeNotNull(score) AS score
        FROM crumbtrail.touchpoints
        WHERE outcome = 'counted' AND author = 'customer' AND score IS NOT NULL AND customer != '') AS said
    ASOF LEFT JOIN crumbtrail.merged_customers AS merged
        ON merged.site = said.site AND merged.customer = said.said_by AND merged.reaches_from <= said.occurred_at
    GROUP BY site, customer) AS by_customer_said
    ON by_customer_said.site = sessions.site AND by_customer_said.customer = sessions.customer
COMMENT 'Sessions with what another key decides: which one of its visitor it is, whether the person is new, and whether service was asked for';

-- 0172_contacts_waiting_view.sql
-- Contacts that wait for an answer now, on every channel, reviews and surveys without a word included; they leave the view when a
-- human agent replies, or the matter is resolved or closed, also where that fell into another conversation (answers_elsewhere). What is
-- said after the end is no contact until it is reopened.
CREATE OR REPLACE VIEW crumbtrail.contacts_waiting
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    channel LowCardinality(String) COMMENT 'Channel it began on, reviews and social mentions included',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    priority LowCardinality(String) COMMENT 'Priority, latest told',
    person String COMMENT 'Key of the journey it belongs to, 32 hexadecimal digits',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    waiting_since_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The first word that is not answered, ms, UTC; where one before it was answered elsewhere, the last word',
    waiting_ms Int64 COMMENT 'How long it has waited by now, milliseconds',
    was_answered_before Bool COMMENT 'A human agent replied to an earlier word',
    is_overdue Bool COMMENT 'The first reply was due by the policy that fits, and has not come'
)
AS SELECT
    waiting.site AS site,
    waiting.conversation_id AS conversation_id,
    channel,
    department,
    priority,
    whose.person AS person,
    waiting.opened_at AS opened_at,
    if(elsewhere.answered_at IS NULL, waiting.waiting_since_at, last_at) AS waiting_since_at,
    ifNull(dateDiff('millisecond', waiting_since_at, now64(3, 'UTC')), 0) AS waiting_ms,
    toBool(first_reply_at IS NOT NULL OR elsewhere.answered_at IS NOT NULL) AS was_answered_before,
    toBool(ifNull(NOT was_answered_before AND first_reply_due_at < now64(3, 'UTC'), 0)) AS is_overdue
FROM crumbtrail.conversations AS waiting
INNER JOIN crumbtrail.conversation_people AS whose
    ON whose.site = waiting.site AND whose.conversation_id = waiting.conversation_id AND whose.opened_at = waiting.opened_at
LEFT JOIN crumbtrail.answers_elsewhere AS elsewhere
    ON elsewhere.site = waiting.site AND elsewhere.conversation_id = waiting.conversation_id AND elsewhere.opened_at = waiting.opened_at
WHERE awaiting = 'agent' AND elsewhere.settled_at IS NULL
COMMENT 'Contacts that wait for an answer now, on every channel';

-- 0173_handovers_view.sql
-- Hand-overs: each time a conversation went from one agent, department or channel to another. An entry without a conversation id is
-- of the conversation which its customer (else visitor, else contact) had on its channel then. An id that came back after
-- conversation_memory_days is another conversation.
CREATE OR REPLACE VIEW crumbtrail.handovers
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the hand-over, UTC',
    what LowCardinality(String) COMMENT 'What changed: agent (people only), department or channel',
    channel LowCardinality(String) COMMENT 'Channel of the entry that told it',
    from_name String COMMENT 'Agent, department or channel it went from',
    to_name String COMMENT 'Agent, department or channel it went to',
    handover_count UInt64 COMMENT 'Hand-overs, count',
    conversation_count UInt64 COMMENT 'Conversations they happened in, count'
)
AS SELECT
    site,
    toDate(occurred_at) AS day,
    told.1 AS what,
    channel,
    from_name,
    told.2 AS to_name,
    count() AS handover_count,
    uniqExact(conversation_id, opened_at) AS conversation_count
FROM
(
    SELECT
        site, conversation_id, opened_at, channel, occurred_at, told,
        lagInFrame(told.2) OVER (
            PARTITION BY site, conversation_id, opened_at, told.1 ORDER BY occurred_at, ifNull(device_at, occurred_at), event_hash
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS from_name
    FROM
    (
        SELECT
            entries.site AS site,
            if(entries.told_id != '', entries.told_id, own.conversation_id) AS conversation_id,
            own.opened_at AS opened_at,
            toString(entries.channel) AS channel,
            entries.occurred_at AS occurred_at,
            entries.device_at AS device_at,
            entries.event_hash AS event_hash,
            arrayJoin([
                ('agent', if(entries.author = 'bot', '', toString(entries.agent))),
                ('department', toString(entries.department)),
                ('channel', toString(entries.channel))]) AS told
        FROM
        (
            SELECT
                site, conversation_id AS told_id, channel, occurred_at, device_at, event_hash, author, agent, department,
                multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
                if(told_id != '', ('', told_id), (toString(channel), who)) AS matter
            FROM crumbtrail.touchpoints
            WHERE outcome = 'counted' AND author != ''
        ) AS entries
        ASOF LEFT JOIN
        (
            SELECT
                site, conversation_id, opened_at, last_at,
                multiIf(customer != '', 'u' || customer, visitor != '', 'v' || visitor, 'c' || contact) AS who,
                if(startsWith(conversation_id, '~'), (toString(channel), who), ('', conversation_id)) AS matter
            FROM crumbtrail.conversations
        ) AS own
            ON own.site = entries.site AND own.matter = entries.matter AND own.opened_at <= entries.occurred_at
        WHERE entries.told_id != '' OR (entries.who != 'c' AND entries.occurred_at <= own.last_at)
    )
    WHERE told.2 != ''
)
WHERE from_name NOT IN ('', told.2)
GROUP BY site, day, what, channel, from_name, to_name
COMMENT 'Hand-overs: each time a conversation went from one agent, department or channel to another';

-- 0174_self_service_view.sql
-- Who helped themselves: sessions that saw help pages, and whether the person asked the service within 24 h after one of them or not at
-- all. When a page was seen is known from the touchpoints; where these are not kept, the whole session stands for its help pages.
CREATE OR REPLACE VIEW crumbtrail.self_service
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    page_group String COMMENT 'Group of help pages: its name says help, faq, support, knowledge base or how to, in a language known here',
    session_count UInt64 COMMENT 'Sessions that saw it, count',
    contacted_count UInt64 COMMENT 'Of these, the person said something to the service, in whatever conversation, within 24 h after they saw such a page, count; where touchpoints are not kept (clickhouse.touchpoints, or their ttl): during the session or within 24 h after it',
    helped_themselves_count UInt64 COMMENT 'Of these, 24 h passed without since they last saw such a page, count',
    undecided_count UInt64 COMMENT 'Of these, neither so far, count',
    helped_share Nullable(Float64) COMMENT 'Share of those that are decided who helped themselves, 0 to 1; NULL if none is'
)
AS SELECT
    site,
    day,
    page_group,
    count() AS session_count,
    countIf(has_contact) AS contacted_count,
    countIf(NOT has_contact AND last_seen_at + INTERVAL 1 DAY < now64(3, 'UTC')) AS helped_themselves_count,
    session_count - contacted_count - helped_themselves_count AS undecided_count,
    if(contacted_count + helped_themselves_count = 0, NULL, helped_themselves_count / (contacted_count + helped_themselves_count)) AS helped_share
FROM
(
    SELECT
        seen.site AS site,
        toDate(seen.started_at) AS day,
        seen.page_group AS page_group,
        arrayFilter(at -> at BETWEEN seen.started_at AND seen.ended_at, views.occurred) AS seen_at,
        if(empty(seen_at), [(seen.started_at, seen.ended_at)], arrayMap(at -> (at, at), seen_at)) AS looks,
        arrayMax(look -> look.2, looks) AS last_seen_at,
        arrayExists(said -> arrayExists(look -> said BETWEEN look.1 AND look.2 + INTERVAL 1 DAY, looks),
            arrayConcat(by_person.said, by_visitor.said)) AS has_contact
    FROM
    (
        SELECT
            people.site AS site, people.started_at AS started_at, people.ended_at AS ended_at, people.visitor AS visitor,
            people.person AS person,
            arrayJoin(arrayFilter(name -> match(lower(name),
                '(^|[/_-])(help|helps|helpcent(er|re)|faqs?|support|knowledge-?base|how-?to|hilfe|ayuda|aide|aiuto|ajuda|bantuan|ช่วยเหลือ)([/_-]|$)'),
                mapKeys(sessions.page_groups))) AS page_group
        FROM crumbtrail.sessions AS sessions
        INNER JOIN crumbtrail.session_people AS people ON people.site = sessions.site AND people.session_id = sessions.session_id
    ) AS seen
    LEFT JOIN
    (
        -- A page's group is its first step, or the first two where the first is a language, as in sessions.
        SELECT
            site, visitor,
            extract(page, '^.(?:(?:[a-z][a-z]|[A-Za-z][A-Za-z][-_][A-Za-z][A-Za-z])/[^/]*|[^/]*)') AS page_group,
            groupArray(occurred_at) AS occurred
        FROM crumbtrail.touchpoints
        WHERE outcome = 'counted' AND bot = '' AND kind IN ('page_view', 'screen_view')
        GROUP BY site, visitor, page_group
    ) AS views
        ON views.site = seen.site AND views.visitor = seen.visitor AND views.page_group = seen.page_group
    LEFT JOIN (SELECT site, person, groupArrayArray(said_at) AS said FROM crumbtrail.customer_words GROUP BY site, person) AS by_person
        ON by_person.site = seen.site AND by_person.person = seen.person
    LEFT JOIN (
        SELECT site, visitor, groupArrayArray(said_at) AS said FROM crumbtrail.customer_words WHERE visitor != '' GROUP BY site, visitor) AS by_visitor
        ON by_visitor.site = seen.site AND by_visitor.visitor = seen.visitor
)
GROUP BY site, day, page_group
COMMENT 'Who helped themselves: sessions that saw help pages, and whether the person asked the service within 24 h after or not at all';

-- 0175_conversation_origins_view.sql
-- The session on the site that led to a conversation: the person's or visitor's latest that had begun before the customer's first word in
-- it, if it went on or had ended no more than 24 h before. What the customer says nothing in was led to by none.
CREATE OR REPLACE VIEW crumbtrail.conversation_origins
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    channel LowCardinality(String) COMMENT 'Channel the conversation began on',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry of the conversation, ms, UTC',
    session_id String COMMENT 'Session that led to it, 16 hexadecimal digits; empty if none did',
    started_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First event of the session, ms, UTC; NULL without',
    after_ms Nullable(Int64) COMMENT 'From the last event of the session to the customer\'s first word, milliseconds, 0 if that came during it; NULL without',
    entry_page String COMMENT 'Page of the first view of the session (templated path)',
    exit_page String COMMENT 'Page of its last view',
    session_channel LowCardinality(String) COMMENT 'Channel the session came by',
    campaign LowCardinality(String) COMMENT 'Campaign the session came by',
    has_bought Bool COMMENT 'Something was bought in the session'
)
AS SELECT
    site,
    conversation_id,
    channel,
    opened_at,
    if(has_led, led.2, '') AS session_id,
    if(has_led, led.1, NULL) AS started_at,
    if(has_led, greatest(dateDiff('millisecond', led.3, asked_at), 0), NULL) AS after_ms,
    if(has_led, led.4, '') AS entry_page,
    if(has_led, led.5, '') AS exit_page,
    if(has_led, led.6, '') AS session_channel,
    if(has_led, led.7, '') AS campaign,
    toBool(has_led AND led.8 > 0) AS has_bought
FROM
(
    SELECT
        conversations.site AS site,
        conversations.conversation_id AS conversation_id,
        conversations.channel AS channel,
        conversations.opened_at AS opened_at,
        conversations.asked_at AS asked_at,
        greatest(by_person.what, by_visitor.what) AS led,
        conversations.is_asked AND led.2 != '' AND led.3 + INTERVAL 1 DAY >= conversations.asked_at AS has_led
    FROM
    (
        SELECT conversations.site AS site, conversations.conversation_id AS conversation_id, channel, conversations.opened_at AS opened_at,
            conversations.visitor AS visitor, words.person AS person,
            notEmpty(words.said_at) AS is_asked, if(is_asked, words.said_at[1], conversations.opened_at) AS asked_at
        FROM crumbtrail.conversations AS conversations
        LEFT JOIN crumbtrail.customer_words AS words
            ON words.site = conversations.site AND words.conversation_id = conversations.conversation_id
            AND words.opened_at = conversations.opened_at
    ) AS conversations
    ASOF LEFT JOIN
    (
        SELECT
            people.site AS site, people.person AS person, people.started_at AS started_at,
            (people.started_at, session_id, people.ended_at, entry_page, exit_page, toString(channel), toString(campaign), purchase_count) AS what
        FROM crumbtrail.sessions AS sessions
        INNER JOIN crumbtrail.session_people AS people ON people.site = sessions.site AND people.session_id = sessions.session_id
    ) AS by_person
        ON by_person.site = conversations.site AND by_person.person = conversations.person AND by_person.started_at <= conversations.asked_at
    ASOF LEFT JOIN
    (
        SELECT
            site, visitor, started_at,
            (started_at, session_id, ended_at, entry_page, exit_page, toString(channel), toString(campaign), purchase_count) AS what
        FROM crumbtrail.sessions
        WHERE bot = ''
    ) AS by_visitor
        ON by_visitor.site = conversations.site AND by_visitor.visitor = conversations.visitor AND by_visitor.started_at <= conversations.asked_at
)
COMMENT 'The session on the site that led to a conversation';

-- 0176_shared_ids_view.sql
-- Customer ids by how many visitors and contacts they were first claimed for in a day: a test account, a till or a
-- placeholder is seen on many. What should not link goes into `identity.never_link`.
CREATE OR REPLACE VIEW crumbtrail.shared_ids
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    customer String COMMENT 'Customer id',
    day Date COMMENT 'Day of the claims, UTC',
    visitor_count UInt64 COMMENT 'Visitors first claimed for it on this day, count',
    contact_count UInt64 COMMENT 'Contacts first claimed for it on this day, count'
)
AS SELECT
    site,
    customer,
    toDate(assumeNotNull(claimed_at), 'UTC') AS day,
    countIf(id_kind = 'visitor') AS visitor_count,
    countIf(id_kind = 'contact') AS contact_count
FROM crumbtrail.identity_links
WHERE claimed_at IS NOT NULL AND id_kind != 'customer'
GROUP BY site, customer, day
COMMENT 'Customer ids by how many visitors and contacts they were first claimed for in a day';

-- 0177_topics_daily_view.sql
-- What customers wrote about: each text once under every topic it speaks of, liked, disliked or merely spoken of. Whose a text is
-- follows the links as elsewhere, so a person is one person on all devices and channels.
CREATE OR REPLACE VIEW crumbtrail.topics_daily
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the text, UTC',
    channel LowCardinality(String) COMMENT 'Channel it was written on; empty on the site itself',
    language LowCardinality(String) COMMENT 'Language of the text',
    topic String COMMENT 'What it speaks of; empty: of nothing the rules know',
    text_count UInt64 COMMENT 'Texts, count; a text of two topics is in two rows',
    person_count UInt64 COMMENT 'People who wrote them that day, count; those of several rows are not to be added up',
    like_count UInt64 COMMENT 'Texts that speak well of the topic, count',
    dislike_count UInt64 COMMENT 'Texts that speak badly of the topic, count; a text may do both',
    question_count UInt64 COMMENT 'Texts that ask, count',
    complaint_count UInt64 COMMENT 'Texts that complain, of a fact or in tone, count',
    suggestion_count UInt64 COMMENT 'Texts that suggest something, count',
    praise_count UInt64 COMMENT 'Texts that praise or thank, count',
    friction_count UInt64 COMMENT 'Texts that state a factual complaint, count',
    score_mean Nullable(Float64) COMMENT 'Mean score of the texts as a whole, -1 to 1'
)
AS WITH
    texts AS
    (
        SELECT
            touchpoint.site AS site,
            touchpoint.occurred_at AS occurred_at,
            touchpoint.channel AS channel,
            touchpoint.language AS language,
            arrayFilter(topic -> topic NOT IN ('praise', 'question', 'suggestion'), touchpoint.topics) AS topics,
            touchpoint.likes AS likes,
            touchpoint.dislikes AS dislikes,
            touchpoint.says AS says,
            touchpoint.is_friction AS is_friction,
            touchpoint.score AS score,
            if(touchpoint.customer != '', touchpoint.customer, conversation.customer) AS customer,
            if(touchpoint.visitor != '', touchpoint.visitor, conversation.visitor) AS visitor,
            if(touchpoint.contact != '', touchpoint.contact, conversation.contact) AS contact
        FROM crumbtrail.touchpoints AS touchpoint
        ASOF LEFT JOIN crumbtrail.conversations AS conversation
            ON touchpoint.site = conversation.site AND touchpoint.conversation_id = conversation.conversation_id
            AND conversation.opened_at <= touchpoint.occurred_at
        WHERE touchpoint.outcome = 'counted' AND touchpoint.feeling != '' AND touchpoint.author IN ('', 'customer')
            AND touchpoint.bot = ''
    ),
    links AS
    (
        SELECT site, toString(id_kind) AS id_kind, id, customer, assumeNotNull(reaches_from) AS reaches_from
        FROM crumbtrail.identity_links
        WHERE id_kind IN ('visitor', 'contact') AND standing = 'linked'
    ),
    own AS
    (
        SELECT
            texts.site AS site,
            texts.occurred_at AS occurred_at,
            texts.channel AS channel,
            texts.language AS language,
            texts.topics AS topics,
            texts.likes AS likes,
            texts.dislikes AS dislikes,
            texts.says AS says,
            texts.is_friction AS is_friction,
            texts.score AS score,
            texts.visitor AS visitor,
            texts.contact AS contact,
            multiIf(
                texts.customer != '', texts.customer,
                turns.customer != '', turns.customer,
                links.customer != '' AND texts.occurred_at >= links.reaches_from, links.customer,
                '') AS own_customer
        FROM texts
        LEFT JOIN links
            ON links.site = texts.site
            AND links.id_kind = if(texts.visitor != '', 'visitor', 'contact')
            AND links.id = if(texts.visitor != '', texts.visitor, texts.contact)
        ASOF LEFT JOIN crumbtrail.device_turns AS turns
            ON turns.site = texts.site AND turns.visitor = texts.visitor AND turns.started_at <= texts.occurred_at
    ),
    written AS
    (
        SELECT
            own.site AS site,
            own.occurred_at AS occurred_at,
            own.channel AS channel,
            own.language AS language,
            arrayJoin(emptyArrayToSingle(own.topics)) AS topic,
            has(own.likes, topic) AS is_liked,
            has(own.dislikes, topic) AS is_disliked,
            own.says AS says,
            own.is_friction AS is_friction,
            own.score AS score,
            multiIf(
                merged.merged_customer != '', concat('customer ', merged.merged_customer),
                own.own_customer != '', concat('customer ', own.own_customer),
                own.visitor != '', concat('visitor ', own.visitor),
                concat('contact ', own.contact)) AS person
        FROM own
        ASOF LEFT JOIN crumbtrail.merged_customers AS merged
            ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.occurred_at
    )
SELECT
    site,
    toDate(occurred_at) AS day,
    channel,
    language,
    topic,
    count() AS text_count,
    uniqExact(person) AS person_count,
    countIf(is_liked) AS like_count,
    countIf(is_disliked) AS dislike_count,
    countIf(says = 'question') AS question_count,
    countIf(says = 'complaint') AS complaint_count,
    countIf(says = 'suggestion') AS suggestion_count,
    countIf(says = 'praise') AS praise_count,
    countIf(is_friction) AS friction_count,
    avg(score) AS score_mean
FROM written
GROUP BY site, day, channel, language, topic
COMMENT 'What customers wrote about: each text once under every topic it speaks of';

-- 0178_support_performance_view.sql
-- How the service did, by channel and department. A reply to a conversation without an id that fell into another one of the person
-- (answers_elsewhere) is that conversation's.
CREATE OR REPLACE VIEW crumbtrail.support_performance
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the conversation was opened, UTC',
    channel LowCardinality(String) COMMENT 'Channel it began on',
    department LowCardinality(String) COMMENT 'Department or team, latest told',
    conversation_count UInt64 COMMENT 'Conversations, count',
    asked_count UInt64 COMMENT 'Conversations in which the customer said something, count',
    answered_count UInt64 COMMENT 'Of these, those with a reply of a human agent after it, count',
    waiting_count UInt64 COMMENT 'Conversations whose customer waits for an answer now, count',
    answered_share Nullable(Float64) COMMENT 'Share of answered ones among those asked, 0 to 1; NULL if none was',
    resolved_count UInt64 COMMENT 'Conversations with a resolution that holds, count',
    one_touch_count UInt64 COMMENT 'Resolved conversations that took one message of a human agent up to the resolution (touch_class one), count',
    reopened_count UInt64 COMMENT 'Conversations reopened at least once, count',
    handed_over_count UInt64 COMMENT 'Conversations with more than one agent, count',
    first_reply_ms_median Nullable(Int64) COMMENT 'Median time to the first reply from the opening (elsewhere: from the customer\'s first word), milliseconds; NULL without reply',
    first_reply_business_ms_median Nullable(Int64) COMMENT 'Median time to the first reply in which the service was open, replies elsewhere left out, milliseconds; NULL without reply',
    first_reply_breach_count UInt64 COMMENT 'Of those asked, whose first reply was due and came late or has not come, count',
    resolution_breach_count UInt64 COMMENT 'Conversations whose resolution (or close without one) was due and came late or has not come, count',
    resolution_ms_median Nullable(Int64) COMMENT 'Median time to the resolution that holds, milliseconds; NULL without',
    csat_count UInt64 COMMENT 'Conversations rated on the csat or stars scale, whatever else they were rated on, count',
    csat_share Nullable(Float64) COMMENT 'Share of 4 and 5 among their latest such ratings, 0 to 1; NULL without',
    nps Nullable(Float64) COMMENT 'Percent of 9 and 10 minus percent of 0 to 6 among the conversations\' latest nps ratings, -100 to 100; NULL without',
    ces_mean Nullable(Float64) COMMENT 'Mean of the conversations\' latest ces ratings, 1 to 7; NULL without',
    score_change_mean Nullable(Float64) COMMENT 'Mean of score at the end minus score at the start, -2 to 2; NULL without texts'
)
AS WITH
    customer_message_count > 0 OR first_reply_at IS NOT NULL OR requester_wait_ms > 0 OR awaiting = 'agent'
        OR (rating_first IS NOT NULL AND channel IN ('review', 'survey', 'social', 'comment')) AS is_asked,
    first_reply_at IS NULL AND answered_at IS NOT NULL AS is_elsewhere
SELECT
    service.site AS site,
    toDate(service.opened_at) AS day,
    channel,
    department,
    count() AS conversation_count,
    countIf(is_asked) AS asked_count,
    countIf(first_reply_at IS NOT NULL OR is_elsewhere) AS answered_count,
    countIf(awaiting = 'agent' AND settled_at IS NULL) AS waiting_count,
    if(asked_count = 0, NULL, answered_count / asked_count) AS answered_share,
    countIf(resolved_at IS NOT NULL) AS resolved_count,
    countIf(touch_class = 'one') AS one_touch_count,
    countIf(reopen_count > 0) AS reopened_count,
    countIf(agent_count > 1) AS handed_over_count,
    toInt64OrNull(toString(quantileExact(if(is_elsewhere, dateDiff('millisecond', asked_at, answered_at), first_reply_ms)))) AS first_reply_ms_median,
    toInt64OrNull(toString(quantileExact(first_reply_business_ms))) AS first_reply_business_ms_median,
    countIf(is_asked AND if(is_elsewhere, answered_at > first_reply_due_at, is_first_reply_breached) = true) AS first_reply_breach_count,
    countIf(is_resolution_breached = true) AS resolution_breach_count,
    toInt64OrNull(toString(quantileExact(resolution_ms))) AS resolution_ms_median,
    count(csat) AS csat_count,
    if(csat_count = 0, NULL, countIf(csat >= 4) / csat_count) AS csat_share,
    if(count(service.nps) = 0, NULL, 100 * (countIf(service.nps >= 9) - countIf(service.nps <= 6)) / count(service.nps)) AS nps,
    avg(ces) AS ces_mean,
    avg(score_end - score_start) AS score_change_mean
FROM crumbtrail.conversations AS service
LEFT JOIN crumbtrail.answers_elsewhere AS elsewhere
    ON elsewhere.site = service.site AND elsewhere.conversation_id = service.conversation_id AND elsewhere.opened_at = service.opened_at
GROUP BY site, day, channel, department
COMMENT 'How the service did, by channel and department';

-- 0191_dead_letter_fates_view.sql
-- What became of dead letters: whether `crumbtrail redrive` made something of them, and what.
CREATE OR REPLACE VIEW crumbtrail.dead_letter_fates
(
    topic LowCardinality(String) COMMENT 'Where the record came from: topic or file',
    partition UInt32 COMMENT 'Partition of the source topic',
    offset UInt64 COMMENT 'Offset in the source partition, or number of the record in a file',
    site LowCardinality(String) COMMENT 'Site, as far as known when it died; empty if not',
    reason LowCardinality(String) COMMENT 'Stable reason why it died (malformed_json, missing_field, ...)',
    detail String COMMENT 'What a person needs to mend it: field, position, what was expected',
    became LowCardinality(String) COMMENT 'What it is now: dead if it was not redriven or is unreadable still; else the outcome of its touchpoint (counted, late, duplicate, bot, filtered or erased)',
    event_id String COMMENT 'Event or entry id of its touchpoint; empty while dead',
    occurred_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it happened, clock corrected, ms, UTC; NULL while dead'
)
AS SELECT
    letters.topic AS topic,
    letters.partition AS partition,
    letters.offset AS offset,
    letters.site AS site,
    letters.reason AS reason,
    letters.detail AS detail,
    if(redriven.fate = '', 'dead', redriven.fate) AS became,
    redriven.id AS event_id,
    if(redriven.fate = '', NULL, redriven.happened_at) AS occurred_at
FROM crumbtrail.dead_letters AS letters
LEFT JOIN
(
    SELECT
        topic, partition, offset, origin_hash,
        any(toString(outcome)) AS fate, any(event_id) AS id, any(occurred_at) AS happened_at
    FROM crumbtrail.touchpoints
    WHERE (topic, partition, offset, origin_hash) IN (
        SELECT topic, partition, offset, origin_hash FROM crumbtrail.dead_letters)
    GROUP BY topic, partition, offset, origin_hash
) AS redriven ON redriven.topic = letters.topic AND redriven.partition = letters.partition
    AND redriven.offset = letters.offset AND redriven.origin_hash = letters.origin_hash
COMMENT 'What became of dead letters: whether crumbtrail redrive made something of them, and what';

-- 0192_deployments.sql
-- Which deployment fills the tables of this epoch: whoever adopted them last, else whoever came first. Another is refused.
CREATE TABLE IF NOT EXISTS crumbtrail.deployments_e1
(
    id String COMMENT 'The deployment: cluster and topic prefix of its logs in Kafka, or the id of its log on disk',
    is_adopted UInt8 COMMENT '1: given to it by an operator (crumbtrail migrate --adopt); 0: it came first',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it claimed or adopted them, by the server, ms, UTC'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which deployment fills the tables of this epoch: whoever adopted them last, else whoever came first';

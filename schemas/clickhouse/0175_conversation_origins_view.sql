-- The session on the site that led to a conversation: the person's or visitor's latest that had begun before the customer's first word in
-- it, if it went on or had ended no more than 24 h before. What the customer says nothing in was led to by none.
CREATE OR REPLACE VIEW {database}.conversation_origins {on_cluster}
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
        FROM {database}.conversations AS conversations
        LEFT JOIN {database}.customer_words AS words
            ON words.site = conversations.site AND words.conversation_id = conversations.conversation_id
            AND words.opened_at = conversations.opened_at
    ) AS conversations
    ASOF LEFT JOIN
    (
        SELECT
            people.site AS site, people.person AS person, people.started_at AS started_at,
            (people.started_at, session_id, people.ended_at, entry_page, exit_page, toString(channel), toString(campaign), purchase_count) AS what
        FROM {database}.sessions AS sessions
        INNER JOIN {database}.session_people AS people ON people.site = sessions.site AND people.session_id = sessions.session_id
    ) AS by_person
        ON by_person.site = conversations.site AND by_person.person = conversations.person AND by_person.started_at <= conversations.asked_at
    ASOF LEFT JOIN
    (
        SELECT
            site, visitor, started_at,
            (started_at, session_id, ended_at, entry_page, exit_page, toString(channel), toString(campaign), purchase_count) AS what
        FROM {database}.sessions
        WHERE bot = ''
    ) AS by_visitor
        ON by_visitor.site = conversations.site AND by_visitor.visitor = conversations.visitor AND by_visitor.started_at <= conversations.asked_at
)
COMMENT 'The session on the site that led to a conversation'

-- Sessions with what another key decides: which one of its visitor it is, whether the person is new, and whether service was asked for.
CREATE OR REPLACE VIEW {database}.visits {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    started_at DateTime64(3, 'UTC') COMMENT 'First event, ms, UTC',
    session_id String COMMENT 'Id of the session, 16 hexadecimal digits',
    visitor String COMMENT 'Visitor id (device or browser)',
    person String COMMENT 'Key of the person the session belongs to, links and aliases followed, 32 hexadecimal digits',
    visitor_session_number UInt64 COMMENT 'Which session of its visitor it is, from 1, robots apart, count',
    person_session_number UInt64 COMMENT 'Which session of its person it is, over all their devices, from 1, count',
    is_returning Bool COMMENT 'The person had a session before, on any device',
    has_contact_within_day Bool COMMENT 'A conversation of the person or the visitor began during it or within 24 h after its end',
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
    row_number() OVER (PARTITION BY sessions.site, sessions.visitor ORDER BY sessions.started_at, sessions.session_id) AS visitor_session_number,
    row_number() OVER (PARTITION BY sessions.site, sessions.person ORDER BY sessions.started_at, sessions.session_id) AS person_session_number,
    toBool(person_session_number > 1) AS is_returning,
    toBool(arrayExists(opened -> opened BETWEEN sessions.started_at AND sessions.ended_at + INTERVAL 1 DAY,
        arrayConcat(by_person.opened, by_visitor.opened))) AS has_contact_within_day,
    arrayCount(occurred -> occurred BETWEEN sessions.started_at AND sessions.ended_at, late.occurred) AS late_event_count,
    toBool(arrayExists(occurred -> occurred BETWEEN sessions.started_at AND sessions.ended_at, moved.occurred)) AS is_corrected,
    length(arrayFilter(said -> said.1 BETWEEN sessions.started_at AND sessions.ended_at,
        arrayDistinct(arrayConcat(by_visitor_said.texts, by_customer_said.texts))) AS texts) AS contact_text_count,
    if(empty(texts), NULL, arrayAvg(said -> said.3, texts)) AS contact_score
FROM {database}.session_people AS sessions
LEFT JOIN (SELECT site, person, groupArray(opened_at) AS opened FROM {database}.conversation_people GROUP BY site, person) AS by_person
    ON by_person.site = sessions.site AND by_person.person = sessions.person
LEFT JOIN (SELECT site, visitor, groupArray(opened_at) AS opened FROM {database}.conversations WHERE visitor != '' GROUP BY site, visitor) AS by_visitor
    ON by_visitor.site = sessions.site AND by_visitor.visitor = sessions.visitor
LEFT JOIN (SELECT site, visitor, groupArray(occurred_at) AS occurred FROM {database}.touchpoints WHERE outcome = 'late' GROUP BY site, visitor) AS late
    ON late.site = sessions.site AND late.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, visitor, groupArray(occurred_at) AS occurred
    FROM {database}.touchpoints
    WHERE session_id != '' AND session_id NOT IN (SELECT session_id FROM {database}.sessions)
    GROUP BY site, visitor) AS moved
    ON moved.site = sessions.site AND moved.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, visitor, groupArray((occurred_at, event_hash, assumeNotNull(score))) AS texts
    FROM {database}.touchpoints
    WHERE outcome = 'counted' AND author = 'customer' AND score IS NOT NULL AND visitor != ''
    GROUP BY site, visitor) AS by_visitor_said
    ON by_visitor_said.site = sessions.site AND by_visitor_said.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, if(merged.merged_customer != '', merged.merged_customer, said.said_by) AS customer,
        groupArray((occurred_at, event_hash, score)) AS texts
    FROM (
        SELECT site, customer AS said_by, occurred_at, event_hash, assumeNotNull(score) AS score
        FROM {database}.touchpoints
        WHERE outcome = 'counted' AND author = 'customer' AND score IS NOT NULL AND customer != '') AS said
    ASOF LEFT JOIN {database}.merged_customers AS merged
        ON merged.site = said.site AND merged.customer = said.said_by AND merged.reaches_from <= said.occurred_at
    GROUP BY site, customer) AS by_customer_said
    ON by_customer_said.site = sessions.site AND by_customer_said.customer = sessions.customer
COMMENT 'Sessions with what another key decides: which one of its visitor it is, whether the person is new, and whether service was asked for'

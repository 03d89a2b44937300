-- Sessions with what another key decides: which one of its visitor it is, whether the person is new, and whether service was asked for.
-- A visit that midnight or a cap cut is one: its continuations carry its numbers, its newness and its bounce.
CREATE OR REPLACE VIEW {database}.visits {on_cluster}
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
                FROM {database}.session_people
                WINDOW past AS (PARTITION BY site, visitor ORDER BY started_at, session_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            )
            WINDOW visit AS (PARTITION BY site, visitor, visitor_session_number)
        )
    )
) AS sessions
LEFT JOIN (SELECT site, person, groupArrayArray(said_at) AS said FROM {database}.customer_words GROUP BY site, person) AS by_person
    ON by_person.site = sessions.site AND by_person.person = sessions.person
LEFT JOIN (
    SELECT site, visitor, groupArrayArray(said_at) AS said FROM {database}.customer_words WHERE visitor != '' GROUP BY site, visitor) AS by_visitor
    ON by_visitor.site = sessions.site AND by_visitor.visitor = sessions.visitor
LEFT JOIN (SELECT site, visitor, groupArray(occurred_at) AS occurred FROM {database}.touchpoints WHERE outcome = 'late' AND bot = '' AND author = '' GROUP BY site, visitor) AS late
    ON late.site = sessions.site AND late.visitor = sessions.visitor
LEFT JOIN (
    SELECT site, visitor, groupArray(occurred_at) AS occurred
    FROM {database}.touchpoints
    WHERE session_id != '' AND bot = '' AND session_id NOT IN (SELECT session_id FROM {database}.sessions)
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

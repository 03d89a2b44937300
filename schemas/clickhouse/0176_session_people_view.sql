-- Whose each session is, its visitor's links followed, and which of that person's sessions it is, over all their devices.
CREATE OR REPLACE VIEW {database}.session_people {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    session_id String COMMENT 'Session, 16 hexadecimal digits',
    started_at DateTime64(3, 'UTC') COMMENT 'First event of the session, ms, UTC',
    visitor String COMMENT 'Visitor id',
    customer String COMMENT 'Customer the session is of: named in it, or the visitor\'s by its link; empty if unknown',
    person String COMMENT 'Key of the journey the session belongs to, 32 hexadecimal digits',
    person_session_number UInt64 COMMENT 'Which of the person\'s sessions it is, by begin, over all devices, 1 for the first',
    is_returning Bool COMMENT 'The person had a session before, on this or another device'
)
AS SELECT
    site,
    session_id,
    started_at,
    visitor,
    customer,
    person,
    row_number() OVER (PARTITION BY site, person ORDER BY started_at, session_id) AS person_session_number,
    toBool(person_session_number > 1) AS is_returning
FROM
(
    SELECT
        sessions.site AS site,
        sessions.session_id AS session_id,
        sessions.started_at AS started_at,
        sessions.visitor AS visitor,
        sessions.customer = '' AND links.customer != '' AND sessions.started_at >= links.reaches_from AS is_by_link,
        if(is_by_link, links.customer, sessions.customer) AS customer,
        if(is_by_link, links.person, sessions.person) AS person
    FROM {database}.sessions AS sessions
    LEFT JOIN
    (
        SELECT site, id, customer, person, assumeNotNull(reaches_from) AS reaches_from
        FROM {database}.identity_links
        WHERE id_kind = 'visitor' AND standing = 'linked'
    ) AS links
        ON links.site = sessions.site AND links.id = sessions.visitor
    WHERE sessions.bot = ''
)
COMMENT 'Whose each session is, its visitor\'s links followed, and which of that person\'s sessions it is'

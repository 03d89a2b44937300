-- Whose each session of a person is: the customer named in it, else whose its visitor is by the links, else the visitor's own.
CREATE OR REPLACE VIEW {database}.session_people {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    session_id String COMMENT 'Session, 16 hexadecimal digits',
    started_at DateTime64(3, 'UTC') COMMENT 'First event of the session, ms, UTC',
    ended_at DateTime64(3, 'UTC') COMMENT 'Last event of the session, ms, UTC',
    visitor String COMMENT 'Visitor id',
    customer String COMMENT 'Customer the session is of; empty if unknown',
    person String COMMENT 'Key of the journey the session belongs to, 32 hexadecimal digits',
    is_by_link Bool COMMENT 'The session names no customer: its visitor is linked to one'
)
AS SELECT
    sessions.site AS site,
    sessions.session_id AS session_id,
    sessions.started_at AS started_at,
    sessions.ended_at AS ended_at,
    sessions.visitor AS visitor,
    if(is_by_link, links.customer, sessions.customer) AS customer,
    if(is_by_link, links.person, sessions.person) AS person,
    toBool(sessions.customer = '' AND links.customer != '' AND sessions.started_at >= links.reaches_from) AS is_by_link
FROM {database}.sessions AS sessions
LEFT JOIN
(
    SELECT site, id, customer, person, assumeNotNull(reaches_from) AS reaches_from
    FROM {database}.identity_links
    WHERE id_kind = 'visitor' AND standing = 'linked'
) AS links
    ON links.site = sessions.site AND links.id = sessions.visitor
WHERE sessions.bot = ''
COMMENT 'Whose each session of a person is: the customer named in it, else whose its visitor is by the links, else the visitor\'s own'

-- Whose each session of a person is: the customer named in it, else whose turn it was on a device of several, else whose its visitor is
-- by the links, or of whom that customer is another id; else the visitor's own.
CREATE OR REPLACE VIEW {database}.session_people {on_cluster}
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
    FROM {database}.sessions AS sessions
    LEFT JOIN
    (
        SELECT site, id, customer, person, assumeNotNull(reaches_from) AS reaches_from
        FROM {database}.identity_links
        WHERE id_kind = 'visitor' AND standing = 'linked'
    ) AS links
        ON links.site = sessions.site AND links.id = sessions.visitor
    ASOF LEFT JOIN {database}.device_turns AS turns
        ON turns.site = sessions.site AND turns.visitor = sessions.visitor AND turns.started_at <= sessions.started_at
    WHERE sessions.bot = ''
) AS own
ASOF LEFT JOIN {database}.merged_customers AS merged
    ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.started_at
COMMENT 'Whose each session of a person is: the customer named in it, else whose its visitor is by the links, aliases followed; else the visitor\'s own'

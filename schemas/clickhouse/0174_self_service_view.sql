-- Who helped themselves: sessions that saw help pages, and whether the person asked the service within 24 h after one of them or not at
-- all. When a page was seen is known from the touchpoints; where these are not kept, the whole session stands for its help pages.
CREATE OR REPLACE VIEW {database}.self_service {on_cluster}
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
        FROM {database}.sessions AS sessions
        INNER JOIN {database}.session_people AS people ON people.site = sessions.site AND people.session_id = sessions.session_id
    ) AS seen
    LEFT JOIN
    (
        -- A page's group is its first step, or the first two where the first is a language, as in sessions.
        SELECT
            site, visitor,
            extract(page, '^.(?:(?:[a-z][a-z]|[A-Za-z][A-Za-z][-_][A-Za-z][A-Za-z])/[^/]*|[^/]*)') AS page_group,
            groupArray(occurred_at) AS occurred
        FROM {database}.touchpoints
        WHERE outcome = 'counted' AND bot = '' AND kind IN ('page_view', 'screen_view')
        GROUP BY site, visitor, page_group
    ) AS views
        ON views.site = seen.site AND views.visitor = seen.visitor AND views.page_group = seen.page_group
    LEFT JOIN (SELECT site, person, groupArrayArray(said_at) AS said FROM {database}.customer_words GROUP BY site, person) AS by_person
        ON by_person.site = seen.site AND by_person.person = seen.person
    LEFT JOIN (
        SELECT site, visitor, groupArrayArray(said_at) AS said FROM {database}.customer_words WHERE visitor != '' GROUP BY site, visitor) AS by_visitor
        ON by_visitor.site = seen.site AND by_visitor.visitor = seen.visitor
)
GROUP BY site, day, page_group
COMMENT 'Who helped themselves: sessions that saw help pages, and whether the person asked the service within 24 h after or not at all'

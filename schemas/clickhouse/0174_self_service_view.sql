-- Who helped themselves: sessions that saw help pages, and whether the person asked the service within 24 h or not at all.
CREATE OR REPLACE VIEW {database}.self_service {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    page_group String COMMENT 'Group of help pages: its name says help, faq, support, knowledge base or how to, in a language known here',
    session_count UInt64 COMMENT 'Sessions that saw it, count',
    contacted_count UInt64 COMMENT 'Of these, the person asked the service during it or within 24 h after, count',
    helped_themselves_count UInt64 COMMENT 'Of these, 24 h passed without, count',
    undecided_count UInt64 COMMENT 'Of these, neither so far, count',
    helped_share Nullable(Float64) COMMENT 'Share of those that are decided who helped themselves, 0 to 1; NULL if none is'
)
AS SELECT
    sessions.site AS site,
    toDate(sessions.started_at) AS day,
    arrayJoin(arrayFilter(name -> match(lower(name),
        '(^|[/_-])(help|helps|helpcent(er|re)|faqs?|support|knowledge-?base|how-?to|hilfe|ayuda|aide|aiuto|ajuda|bantuan|ช่วยเหลือ)([/_-]|$)'),
        mapKeys(sessions.page_groups))) AS page_group,
    count() AS session_count,
    countIf(visits.has_contact_within_day) AS contacted_count,
    countIf(NOT visits.has_contact_within_day AND sessions.ended_at + INTERVAL 1 DAY < now64(3, 'UTC')) AS helped_themselves_count,
    session_count - contacted_count - helped_themselves_count AS undecided_count,
    if(contacted_count + helped_themselves_count = 0, NULL, helped_themselves_count / (contacted_count + helped_themselves_count)) AS helped_share
FROM {database}.sessions AS sessions
INNER JOIN {database}.visits AS visits ON visits.site = sessions.site AND visits.session_id = sessions.session_id
GROUP BY site, day, page_group
COMMENT 'Who helped themselves: sessions that saw help pages, and whether the person asked the service within 24 h or not at all'

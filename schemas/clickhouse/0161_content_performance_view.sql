-- Pages: how often seen, where sessions begin, end and bounce, and how people felt who wrote there.
CREATE OR REPLACE VIEW {database}.content_performance {on_cluster}
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
    FROM {database}.touchpoints
    WHERE outcome = 'counted' AND page != '' AND bot = ''
    GROUP BY site, day, page
    UNION ALL
    SELECT site, toDate(started_at) AS day, entry_page, ('', '', ''), 0, 0, count(), 0, countIf(NOT is_engaged), 0, 0
    FROM {database}.sessions
    WHERE entry_page != '' AND bot = ''
    GROUP BY site, day, entry_page
    UNION ALL
    SELECT site, toDate(started_at) AS day, exit_page, ('', '', ''), 0, 0, 0, count(), 0, 0, 0
    FROM {database}.sessions
    WHERE exit_page != '' AND bot = ''
    GROUP BY site, day, exit_page
)
GROUP BY site, day, page
COMMENT 'Pages: how often seen, where sessions begin, end and bounce, and how people felt who wrote there'

-- Edges of a Sankey diagram: from page to page in the first five steps of sessions, reloads collapsed.
CREATE OR REPLACE VIEW {database}.paths {on_cluster}
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
    FROM {database}.touchpoints
    WHERE outcome = 'counted' AND kind IN ('page_view', 'screen_view') AND page != '' AND session_id != '' AND bot = ''
    GROUP BY site, session_id
)
ARRAY JOIN arrayMap(
    index -> (index, pages[index], if(index = length(pages), '(exit)', pages[index + 1])),
    range(1, least(length(pages), 5) + 1)) AS edge
GROUP BY site, day, step_index, from_page, to_page
COMMENT 'Edges of a Sankey diagram: from page to page in the first five steps of sessions, reloads collapsed'

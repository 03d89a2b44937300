-- Where people stop in the checkout, by device: sessions that reached a step, and those that stopped there without buying.
CREATE OR REPLACE VIEW {database}.checkout_steps {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    device LowCardinality(String) COMMENT 'Device class',
    step String COMMENT 'Step of the checkout; checkout_started for its beginning',
    session_count UInt64 COMMENT 'Sessions that reached the step, count',
    stopped_count UInt64 COMMENT 'Sessions whose last checkout step it was and that did not buy, count',
    stopped_share Float64 COMMENT 'stopped_count / session_count, 0 to 1'
)
AS SELECT
    site,
    day,
    device,
    step,
    uniqExact(session_id) AS session_count,
    uniqExactIf(session_id, is_last AND purchase_count = 0) AS stopped_count,
    stopped_count / session_count AS stopped_share
FROM
(
    SELECT
        session.site AS site,
        toDate(session.started_at) AS day,
        session.device AS device,
        session.session_id AS session_id,
        session.purchase_count AS purchase_count,
        if(touchpoint.step = '', toString(touchpoint.kind), toString(touchpoint.step)) AS step,
        row_number() OVER (
            PARTITION BY session.site, session.session_id
            ORDER BY touchpoint.occurred_at DESC, touchpoint.event_id DESC) = 1 AS is_last
    FROM {database}.touchpoints AS touchpoint
    INNER JOIN {database}.sessions AS session
        ON touchpoint.site = session.site AND touchpoint.session_id = session.session_id
    WHERE touchpoint.outcome = 'counted' AND touchpoint.kind IN ('checkout_started', 'checkout_step') AND session.bot = ''
)
GROUP BY site, day, device, step
COMMENT 'Where people stop in the checkout, by device: sessions that reached a step, and those that stopped there without buying'

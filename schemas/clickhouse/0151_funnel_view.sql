-- The shop funnel by site, day, and device: sessions that saw a product, put one into the cart, began the checkout,
-- bought. A session counts for a step if it did that step and every one before.
CREATE OR REPLACE VIEW {database}.funnel {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the session began, UTC',
    device LowCardinality(String) COMMENT 'Device class',
    step_index UInt8 COMMENT 'Place of the step, from 1',
    step String COMMENT 'product_viewed, product_added, checkout_started or purchase',
    session_count UInt64 COMMENT 'Sessions that reached the step, count',
    previous_session_count UInt64 COMMENT 'Sessions that reached the step before; for the first: all sessions, count',
    step_share Float64 COMMENT 'session_count / previous_session_count, 0 to 1'
)
AS SELECT
    site,
    day,
    device,
    entry.1 AS step_index,
    entry.2 AS step,
    entry.3 AS session_count,
    entry.4 AS previous_session_count,
    if(previous_session_count = 0, 0, session_count / previous_session_count) AS step_share
FROM
(
    SELECT
        site,
        toDate(started_at) AS day,
        device,
        count() AS all_count,
        countIf(product_view_count > 0) AS viewed_count,
        countIf(product_view_count > 0 AND cart_add_count > 0) AS added_count,
        countIf(product_view_count > 0 AND cart_add_count > 0 AND sessions.checkout_count > 0) AS checkout_count,
        countIf(product_view_count > 0 AND cart_add_count > 0 AND sessions.checkout_count > 0 AND purchase_count > 0) AS bought_count
    FROM {database}.sessions AS sessions
    WHERE bot = ''
    GROUP BY site, day, device
)
ARRAY JOIN [
    (1, 'product_viewed', viewed_count, all_count),
    (2, 'product_added', added_count, viewed_count),
    (3, 'checkout_started', checkout_count, added_count),
    (4, 'purchase', bought_count, checkout_count)] AS entry
COMMENT 'The shop funnel by site, day, and device: sessions that saw a product, put one into the cart, began the checkout,'

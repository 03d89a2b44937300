-- Stays in shops, one a row: who came in, stayed and left, by positions and visits told.
CREATE OR REPLACE VIEW {database}.store_stays {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    store String COMMENT 'Shop id',
    entered_at DateTime64(3, 'UTC') COMMENT 'First position inside, or visit told, ms, UTC',
    left_at Nullable(DateTime64(3, 'UTC')) COMMENT 'First position beyond, or last seen inside where none followed, ms, UTC; NULL while they may still be there',
    inside_ms UInt64 COMMENT 'From entering to last seen inside, ms',
    is_dwell Bool COMMENT 'Inside for at least fence_dwell_seconds: no passer-by',
    visit_count UInt32 COMMENT 'Visits told during it by beacons, tills and check-ins, count',
    visitor String COMMENT 'Visitor id (device or browser)',
    customer String COMMENT 'Customer id; empty if unknown',
    person String COMMENT 'Key of the person, 32 hexadecimal digits',
    session_id String COMMENT 'Session it belongs to, 16 hexadecimal digits'
)
AS SELECT
    site,
    stay.store AS store,
    stay.entered_at AS entered_at,
    stay.left_at AS left_at,
    stay.inside_ms AS inside_ms,
    stay.is_dwell AS is_dwell,
    stay.visit_count AS visit_count,
    visitor,
    customer,
    person,
    session_id
FROM {database}.sessions
ARRAY JOIN stays AS stay
WHERE bot = ''
COMMENT 'Stays in shops, one a row: who came in, stayed and left, by positions and visits told'

-- Which deployment fills the tables of this epoch: whoever adopted them last, else whoever came first. Another is refused.
CREATE TABLE IF NOT EXISTS {database}.deployments_e{epoch} {on_cluster}
(
    id String COMMENT 'The deployment: cluster and topic prefix of its logs in Kafka, or the id of its log on disk',
    is_adopted UInt8 COMMENT '1: given to it by an operator (crumbtrail migrate --adopt); 0: it came first',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it claimed or adopted them, by the server, ms, UTC'
)
ENGINE = {migrations_engine}
ORDER BY id
SETTINGS {table_settings}
COMMENT 'Which deployment fills the tables of this epoch: whoever adopted them last, else whoever came first'

-- What the text does, what it speaks well and badly of, and which facts it complains of.
ALTER TABLE {database}.touchpoints_e{epoch} {on_cluster}
    ADD COLUMN IF NOT EXISTS says LowCardinality(String) COMMENT 'What the text does: question, complaint, suggestion, praise or statement; empty without text and in rows of builds that did not say' AFTER confidence,
    ADD COLUMN IF NOT EXISTS likes UInt32 COMMENT 'Topics the text speaks well of, a bit set (the view shows their names)' AFTER topics,
    ADD COLUMN IF NOT EXISTS dislikes UInt32 COMMENT 'Topics the text speaks badly of, a bit set (the view shows their names)' AFTER likes,
    ADD COLUMN IF NOT EXISTS friction_kinds UInt32 COMMENT 'Kinds of the factual complaints in the text, a bit set (the view shows their names)' AFTER is_friction

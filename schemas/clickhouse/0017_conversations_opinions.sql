-- What the customer's texts do, what they speak well and badly of, and which facts they complain of.
ALTER TABLE {database}.conversations_e{epoch} {on_cluster}
    ADD COLUMN IF NOT EXISTS likes UInt32 COMMENT 'Topics the customer\'s texts speak well of, a bit set (the view shows their names)' AFTER topics,
    ADD COLUMN IF NOT EXISTS dislikes UInt32 COMMENT 'Topics the customer\'s texts speak badly of, a bit set (the view shows their names)' AFTER likes,
    ADD COLUMN IF NOT EXISTS friction_kinds UInt32 COMMENT 'Kinds of the factual complaints in the customer\'s texts, a bit set (the view shows their names)' AFTER friction_count,
    ADD COLUMN IF NOT EXISTS question_count UInt32 COMMENT 'Customer texts that ask, count' AFTER friction_kinds,
    ADD COLUMN IF NOT EXISTS complaint_count UInt32 COMMENT 'Customer texts that complain, of a fact or in tone, count' AFTER question_count,
    ADD COLUMN IF NOT EXISTS suggestion_count UInt32 COMMENT 'Customer texts that suggest something, count' AFTER complaint_count,
    ADD COLUMN IF NOT EXISTS praise_count UInt32 COMMENT 'Customer texts that praise or thank, count' AFTER suggestion_count

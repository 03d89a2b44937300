-- What customers wrote about: each text once under every topic it speaks of, liked, disliked or merely spoken of. Whose a text is
-- follows the links as elsewhere, so a person is one person on all devices and channels.
CREATE OR REPLACE VIEW {database}.topics_daily {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day of the text, UTC',
    channel LowCardinality(String) COMMENT 'Channel it was written on; empty on the site itself',
    language LowCardinality(String) COMMENT 'Language of the text',
    topic String COMMENT 'What it speaks of; empty: of nothing the rules know',
    text_count UInt64 COMMENT 'Texts, count; a text of two topics is in two rows',
    person_count UInt64 COMMENT 'People who wrote them that day, count; those of several rows are not to be added up',
    like_count UInt64 COMMENT 'Texts that speak well of the topic, count',
    dislike_count UInt64 COMMENT 'Texts that speak badly of the topic, count; a text may do both',
    question_count UInt64 COMMENT 'Texts that ask, count',
    complaint_count UInt64 COMMENT 'Texts that complain, of a fact or in tone, count',
    suggestion_count UInt64 COMMENT 'Texts that suggest something, count',
    praise_count UInt64 COMMENT 'Texts that praise or thank, count',
    friction_count UInt64 COMMENT 'Texts that state a factual complaint, count',
    score_mean Nullable(Float64) COMMENT 'Mean score of the texts as a whole, -1 to 1'
)
AS WITH
    texts AS
    (
        SELECT
            touchpoint.site AS site,
            touchpoint.occurred_at AS occurred_at,
            touchpoint.channel AS channel,
            touchpoint.language AS language,
            arrayFilter(topic -> topic NOT IN ('praise', 'question', 'suggestion'), touchpoint.topics) AS topics,
            touchpoint.likes AS likes,
            touchpoint.dislikes AS dislikes,
            touchpoint.says AS says,
            touchpoint.is_friction AS is_friction,
            touchpoint.score AS score,
            if(touchpoint.customer != '', touchpoint.customer, conversation.customer) AS customer,
            if(touchpoint.visitor != '', touchpoint.visitor, conversation.visitor) AS visitor,
            if(touchpoint.contact != '', touchpoint.contact, conversation.contact) AS contact
        FROM {database}.touchpoints AS touchpoint
        ASOF LEFT JOIN {database}.conversations AS conversation
            ON touchpoint.site = conversation.site AND touchpoint.conversation_id = conversation.conversation_id
            AND conversation.opened_at <= touchpoint.occurred_at
        WHERE touchpoint.outcome = 'counted' AND touchpoint.feeling != '' AND touchpoint.author IN ('', 'customer')
            AND touchpoint.bot = ''
    ),
    links AS
    (
        SELECT site, toString(id_kind) AS id_kind, id, customer, assumeNotNull(reaches_from) AS reaches_from
        FROM {database}.identity_links
        WHERE id_kind IN ('visitor', 'contact') AND standing = 'linked'
    ),
    own AS
    (
        SELECT
            texts.site AS site,
            texts.occurred_at AS occurred_at,
            texts.channel AS channel,
            texts.language AS language,
            texts.topics AS topics,
            texts.likes AS likes,
            texts.dislikes AS dislikes,
            texts.says AS says,
            texts.is_friction AS is_friction,
            texts.score AS score,
            texts.visitor AS visitor,
            texts.contact AS contact,
            multiIf(
                texts.customer != '', texts.customer,
                turns.customer != '', turns.customer,
                links.customer != '' AND texts.occurred_at >= links.reaches_from, links.customer,
                '') AS own_customer
        FROM texts
        LEFT JOIN links
            ON links.site = texts.site
            AND links.id_kind = if(texts.visitor != '', 'visitor', 'contact')
            AND links.id = if(texts.visitor != '', texts.visitor, texts.contact)
        ASOF LEFT JOIN {database}.device_turns AS turns
            ON turns.site = texts.site AND turns.visitor = texts.visitor AND turns.started_at <= texts.occurred_at
    ),
    written AS
    (
        SELECT
            own.site AS site,
            own.occurred_at AS occurred_at,
            own.channel AS channel,
            own.language AS language,
            arrayJoin(emptyArrayToSingle(own.topics)) AS topic,
            has(own.likes, topic) AS is_liked,
            has(own.dislikes, topic) AS is_disliked,
            own.says AS says,
            own.is_friction AS is_friction,
            own.score AS score,
            multiIf(
                merged.merged_customer != '', concat('customer ', merged.merged_customer),
                own.own_customer != '', concat('customer ', own.own_customer),
                own.visitor != '', concat('visitor ', own.visitor),
                concat('contact ', own.contact)) AS person
        FROM own
        ASOF LEFT JOIN {database}.merged_customers AS merged
            ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.occurred_at
    )
SELECT
    site,
    toDate(occurred_at) AS day,
    channel,
    language,
    topic,
    count() AS text_count,
    uniqExact(person) AS person_count,
    countIf(is_liked) AS like_count,
    countIf(is_disliked) AS dislike_count,
    countIf(says = 'question') AS question_count,
    countIf(says = 'complaint') AS complaint_count,
    countIf(says = 'suggestion') AS suggestion_count,
    countIf(says = 'praise') AS praise_count,
    countIf(is_friction) AS friction_count,
    avg(score) AS score_mean
FROM written
GROUP BY site, day, channel, language, topic
COMMENT 'What customers wrote about: each text once under every topic it speaks of'

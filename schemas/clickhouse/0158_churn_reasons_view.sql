-- Why customers stop buying: of the people who cancelled, how many complained of what within the 60 days before. One
-- person may have several reasons; those without any are in (none). Satisfied: the last survey before leaving was good. Whose a word is
-- follows the links as elsewhere, so what was said anonymously counts for who said it, and people who are but a contact are not one person.
-- A journey knows its latest rating only: where that came after leaving, the one before it is among the touchpoints, while these are kept.
CREATE OR REPLACE VIEW {database}.churn_reasons {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    reason String COMMENT 'Topic of a complaint (friction or a negative text), or (none)',
    leaver_count UInt64 COMMENT 'People who cancelled and had this reason, count',
    all_leaver_count UInt64 COMMENT 'People who cancelled, count',
    leaver_share Float64 COMMENT 'leaver_count / all_leaver_count, 0 to 1',
    stayer_count UInt64 COMMENT 'People who did not cancel and raised the same in the last 60 days of the data, count',
    stayer_share Float64 COMMENT 'stayer_count / all people who did not cancel, 0 to 1',
    lift Nullable(Float64) COMMENT 'leaver_share / stayer_share; NULL if nobody who stayed had it',
    rated_count UInt64 COMMENT 'Of leaver_count: people with a survey rating before leaving, count',
    satisfied_count UInt64 COMMENT 'Of rated_count: people whose last rating was good (csat and stars 4 or more, nps 9 or more, ces 5 or more), count',
    satisfied_share Nullable(Float64) COMMENT 'satisfied_count / rated_count, 0 to 1; NULL if nobody rated'
)
AS WITH
    people AS
    (
        SELECT
            site,
            person,
            customer,
            visitor,
            cancelled_at IS NOT NULL AS is_leaver,
            coalesce(cancelled_at, max(last_at) OVER (PARTITION BY site)) AS until_at,
            if(ifNull(rating_at, until_at) <= until_at, rating_last, NULL) AS kept_rating,
            toString(rating_scale) AS kept_scale
        FROM {database}.journeys
    ),
    unnamed AS
    (
        SELECT site, person, any(if(visitor != '', concat('visitor ', visitor), concat('contact ', contact))) AS who
        FROM {database}.conversations
        WHERE customer = '' AND (visitor != '' OR contact != '')
        GROUP BY site, person
    ),
    whose AS
    (
        SELECT
            people.site AS site,
            people.person AS person,
            people.until_at AS until_at,
            multiIf(
                people.customer != '', concat('customer ', people.customer),
                people.visitor != '', concat('visitor ', people.visitor),
                unnamed.who) AS who
        FROM people
        LEFT JOIN unnamed ON unnamed.site = people.site AND unnamed.person = people.person
    ),
    links AS
    (
        SELECT site, toString(id_kind) AS id_kind, id, customer, assumeNotNull(reaches_from) AS reaches_from
        FROM {database}.identity_links
        WHERE id_kind IN ('visitor', 'contact') AND standing = 'linked'
    ),
    entries AS
    (
        SELECT
            touchpoint.site AS site,
            touchpoint.occurred_at AS occurred_at,
            touchpoint.log_offset AS log_offset,
            touchpoint.event_hash AS event_hash,
            if(
                touchpoint.is_friction OR touchpoint.feeling = 'negative',
                arrayFilter(topic -> topic NOT IN ('praise', 'question', 'suggestion', 'cancellation'), touchpoint.topics),
                []) AS reasons,
            if(
                touchpoint.author IN ('customer', 'system') AND multiIf(
                    touchpoint.rating_scale IN ('csat', 'stars'), touchpoint.rating BETWEEN 1 AND 5,
                    touchpoint.rating_scale = 'nps', touchpoint.rating BETWEEN 0 AND 10,
                    touchpoint.rating_scale = 'ces', touchpoint.rating BETWEEN 1 AND 7,
                    0),
                touchpoint.rating,
                NULL) AS given,
            toString(touchpoint.rating_scale) AS scale,
            if(touchpoint.customer != '', touchpoint.customer, conversation.customer) AS customer,
            if(touchpoint.visitor != '', touchpoint.visitor, conversation.visitor) AS visitor,
            if(touchpoint.contact != '', touchpoint.contact, conversation.contact) AS contact
        FROM {database}.touchpoints AS touchpoint
        ASOF LEFT JOIN {database}.conversations AS conversation
            ON touchpoint.site = conversation.site AND touchpoint.conversation_id = conversation.conversation_id
            AND conversation.opened_at <= touchpoint.occurred_at
        WHERE touchpoint.outcome = 'counted' AND (notEmpty(reasons) OR given IS NOT NULL)
    ),
    own AS
    (
        SELECT
            entries.site AS site,
            entries.occurred_at AS occurred_at,
            (entries.occurred_at, entries.log_offset, entries.event_hash) AS place,
            entries.reasons AS reasons,
            entries.given AS given,
            entries.scale AS scale,
            entries.visitor AS visitor,
            entries.contact AS contact,
            multiIf(
                entries.customer != '', entries.customer,
                turns.customer != '', turns.customer,
                links.customer != '' AND entries.occurred_at >= links.reaches_from, links.customer,
                '') AS own_customer
        FROM entries
        LEFT JOIN links
            ON links.site = entries.site
            AND links.id_kind = if(entries.visitor != '', 'visitor', 'contact')
            AND links.id = if(entries.visitor != '', entries.visitor, entries.contact)
        ASOF LEFT JOIN {database}.device_turns AS turns
            ON turns.site = entries.site AND turns.visitor = entries.visitor AND turns.started_at <= entries.occurred_at
    ),
    said AS
    (
        SELECT
            own.site AS site,
            own.occurred_at AS occurred_at,
            own.place AS place,
            own.reasons AS reasons,
            own.given AS given,
            own.scale AS scale,
            multiIf(
                merged.merged_customer != '', concat('customer ', merged.merged_customer),
                own.own_customer != '', concat('customer ', own.own_customer),
                own.visitor != '', concat('visitor ', own.visitor),
                concat('contact ', own.contact)) AS who
        FROM own
        ASOF LEFT JOIN {database}.merged_customers AS merged
            ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.occurred_at
        WHERE who != 'contact '
    ),
    opinions AS
    (
        SELECT
            whose.site AS site,
            whose.person AS person,
            groupUniqArrayArrayIf(said.reasons, said.occurred_at >= whose.until_at - INTERVAL 60 DAY) AS reasons,
            argMaxIf((assumeNotNull(said.given), said.scale), said.place, said.given IS NOT NULL) AS last,
            countIf(said.given IS NOT NULL) > 0 AS is_rated
        FROM whose
        INNER JOIN said ON said.site = whose.site AND said.who = whose.who
        WHERE said.occurred_at <= whose.until_at
        GROUP BY site, person
    ),
    answers AS
    (
        SELECT
            people.site AS site,
            people.is_leaver AS is_leaver,
            arrayJoin(if(empty(opinions.reasons), ['(none)'], opinions.reasons)) AS reason,
            opinions.is_rated OR people.kept_rating IS NOT NULL AS is_rated,
            if(people.kept_rating IS NULL, (opinions.last.1, opinions.last.2), (assumeNotNull(people.kept_rating), people.kept_scale)) AS last,
            toBool(is_rated AND multiIf(
                last.2 IN ('csat', 'stars'), last.1 >= 4,
                last.2 = 'nps', last.1 >= 9,
                last.2 = 'ces', last.1 >= 5,
                0)) AS is_satisfied
        FROM people
        LEFT JOIN opinions ON opinions.site = people.site AND opinions.person = people.person
    ),
    totals AS
    (
        SELECT site, countIf(is_leaver) AS leavers, countIf(NOT is_leaver) AS stayers FROM people GROUP BY site
    )
SELECT
    answers.site AS site,
    answers.reason AS reason,
    countIf(answers.is_leaver) AS leaver_count,
    any(totals.leavers) AS all_leaver_count,
    if(all_leaver_count = 0, 0, leaver_count / all_leaver_count) AS leaver_share,
    countIf(NOT answers.is_leaver) AS stayer_count,
    if(any(totals.stayers) = 0, 0, stayer_count / any(totals.stayers)) AS stayer_share,
    if(stayer_count = 0, NULL, leaver_share / stayer_share) AS lift,
    countIf(answers.is_leaver AND answers.is_rated) AS rated_count,
    countIf(answers.is_leaver AND answers.is_satisfied) AS satisfied_count,
    if(rated_count = 0, NULL, satisfied_count / rated_count) AS satisfied_share
FROM answers
INNER JOIN totals ON totals.site = answers.site
GROUP BY site, reason
COMMENT 'Why customers stop buying: of the people who cancelled, how many complained of what within the 60 days before'

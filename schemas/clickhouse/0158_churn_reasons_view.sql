-- Why customers stop buying: of the people who cancelled, how many complained of what within the 60 days before. One
-- person may have several reasons; those without any are in (none). Satisfied: the last survey before leaving was good.
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
            cancelled_at IS NOT NULL AS is_leaver,
            coalesce(cancelled_at, max(last_at) OVER (PARTITION BY site)) AS until_at,
            rating_last IS NOT NULL AND ifNull(rating_at, until_at) <= until_at AS is_rated,
            is_rated AND multiIf(
                rating_scale IN ('csat', 'stars'), rating_last >= 4,
                rating_scale = 'nps', rating_last >= 9,
                rating_scale = 'ces', rating_last >= 5,
                0) AS is_satisfied,
            customer,
            visitor
        FROM {database}.journeys
    ),
    texts AS
    (
        SELECT
            touchpoint.site AS site,
            if(touchpoint.customer != '', touchpoint.customer, conversation.customer) AS customer,
            if(touchpoint.visitor != '', touchpoint.visitor, conversation.visitor) AS visitor,
            touchpoint.occurred_at AS occurred_at,
            arrayJoin(touchpoint.topics) AS topic
        FROM {database}.touchpoints AS touchpoint
        ASOF LEFT JOIN {database}.conversations AS conversation
            ON touchpoint.site = conversation.site AND touchpoint.conversation_id = conversation.conversation_id
            AND conversation.opened_at <= touchpoint.occurred_at
        WHERE touchpoint.outcome = 'counted' AND (touchpoint.is_friction OR touchpoint.feeling = 'negative')
            AND topic NOT IN ('praise', 'question', 'suggestion', 'cancellation')
    ),
    complaints AS
    (
        SELECT
            texts.site AS site,
            multiIf(
                texts.customer = '', concat('v:', texts.visitor),
                merged.merged_customer != '', concat('c:', merged.merged_customer),
                concat('c:', texts.customer)) AS who,
            texts.occurred_at AS occurred_at,
            texts.topic AS topic
        FROM texts
        ASOF LEFT JOIN {database}.merged_customers AS merged
            ON merged.site = texts.site AND merged.customer = texts.customer AND merged.reaches_from <= texts.occurred_at
    ),
    reasons AS
    (
        SELECT DISTINCT people.site AS site, people.person AS person, complaints.topic AS reason
        FROM people
        INNER JOIN complaints
            ON people.site = complaints.site
            AND if(people.customer != '', concat('c:', people.customer), concat('v:', people.visitor)) = complaints.who
        WHERE complaints.occurred_at <= people.until_at AND complaints.occurred_at >= people.until_at - INTERVAL 60 DAY
    ),
    totals AS
    (
        SELECT site, countIf(is_leaver) AS leavers, countIf(NOT is_leaver) AS stayers FROM people GROUP BY site
    )
SELECT
    people.site AS site,
    if(reasons.reason = '', '(none)', reasons.reason) AS reason,
    countIf(people.is_leaver) AS leaver_count,
    any(totals.leavers) AS all_leaver_count,
    if(all_leaver_count = 0, 0, leaver_count / all_leaver_count) AS leaver_share,
    countIf(NOT people.is_leaver) AS stayer_count,
    if(any(totals.stayers) = 0, 0, stayer_count / any(totals.stayers)) AS stayer_share,
    if(stayer_count = 0, NULL, leaver_share / stayer_share) AS lift,
    countIf(people.is_leaver AND people.is_rated) AS rated_count,
    countIf(people.is_leaver AND people.is_satisfied) AS satisfied_count,
    if(rated_count = 0, NULL, satisfied_count / rated_count) AS satisfied_share
FROM people
LEFT JOIN reasons ON people.site = reasons.site AND people.person = reasons.person
INNER JOIN totals ON people.site = totals.site
GROUP BY site, reason
COMMENT 'Why customers stop buying: of the people who cancelled, how many complained of what within the 60 days before'

//! The report's questions. `{db}` is the database; only views are asked.

/// The whole in one row.
pub(super) const OVERVIEW: &str = "
SELECT
    toString(toDate(min(started_at))) AS since,
    toString(toDate(max(ended_at))) AS until,
    countIf(bot = '') AS sessions,
    countIf(bot != '') AS robot_sessions,
    uniqExactIf(visitor, bot = '') AS visitors,
    (SELECT count() FROM {db}.journeys) AS people,
    (SELECT countIf(customer != '') FROM {db}.journeys) AS customers,
    (SELECT count() FROM {db}.conversations) AS conversations
FROM {db}.sessions";

/// Sessions by channel.
pub(super) const CHANNELS: &str = "
SELECT
    if(channel = '', '(no channel)', toString(channel)) AS name,
    sum(session_count) AS sessions,
    sum(engaged_count) / sessions AS engaged,
    sum(buying_session_count) / sessions AS buying
FROM {db}.channel_performance
GROUP BY name
ORDER BY sessions DESC, name
LIMIT 10";

/// Sessions by place.
pub(super) const PLACES: &str = "
SELECT
    if(city = '', '(unknown)', concat(city, ', ', country)) AS name,
    sum(session_count) AS sessions,
    sum(engaged_count) / sessions AS engaged,
    sum(purchase_count) / sessions AS buying
FROM {db}.sessions_by_place
GROUP BY name
ORDER BY sessions DESC, name
LIMIT 10";

/// Where people stand in the journey, stages in the order of the shipped model.
pub(super) const STAGES: &str = "
SELECT
    toString(stage) AS stage_name,
    sum(person_count) AS people,
    sum(stalled_count) AS stalled,
    toFloat64(max(waiting_ms_median)) AS waiting_ms,
    toFloat64(max(stay_ms_median)) AS stay_ms
FROM {db}.stage_stalls
GROUP BY stage_name
ORDER BY indexOf(['awareness', 'consideration', 'purchase', 'service', 'loyalty'], stage_name), stage_name";

/// Feeling by channel and language.
pub(super) const FEELINGS: &str = "
SELECT
    toString(channel) AS name,
    substring(toString(language), 1, 2) AS tongue,
    sum(text_count) AS texts,
    sum(negative_count) AS negative,
    sum(positive_count) AS positive
FROM {db}.sentiment_daily
GROUP BY name, tongue
ORDER BY name, tongue";

/// What people wrote of, and how many of those texts speak well and badly of it.
pub(super) const TOPICS: &str = "
SELECT
    topic AS name,
    sum(text_count) AS texts,
    sum(like_count) AS likes,
    sum(dislike_count) AS dislikes
FROM {db}.topics_daily
WHERE topic != ''
GROUP BY name
ORDER BY dislikes DESC, name";

/// Carts by currency.
pub(super) const CARTS: &str = "
SELECT
    toString(currency) AS money,
    sum(abandoned_count) AS abandoned,
    sum(bought_count) AS bought,
    sum(checkout_count) AS in_checkout,
    toFloat64(sum(abandoned_value)) AS value
FROM {db}.cart_abandonment
GROUP BY money
ORDER BY abandoned DESC, money";

/// What people complained of before they left.
pub(super) const REASONS: &str = "
SELECT
    reason AS name,
    sum(leaver_count) AS leavers,
    sum(all_leaver_count) AS all_leavers,
    max(lift) AS lift_max
FROM {db}.churn_reasons
WHERE leaver_count > 0
GROUP BY name
ORDER BY leavers DESC, name";

/// Checkout by device.
pub(super) const CHECKOUT: &str = "
SELECT
    toString(device) AS device_class,
    toString(step) AS step_name,
    sum(session_count) AS sessions,
    sum(stopped_count) AS stopped
FROM {db}.checkout_steps
GROUP BY device_class, step_name
ORDER BY device_class, step_name";

/// Visits to shops.
pub(super) const STORES: &str = "
SELECT toString(store) AS name, sum(visit_count) AS visits
FROM {db}.store_visits
GROUP BY name
HAVING visits > 0
ORDER BY visits DESC, name";

/// People who cancelled, and of those asked in a csat survey, those who were satisfied.
pub(super) const LEAVERS: &str = "
SELECT
    count() AS leavers,
    countIf(rating_scale = 'csat' AND rating_at <= cancelled_at) AS asked,
    countIf(rating_scale = 'csat' AND rating_at <= cancelled_at AND rating_last >= 4) AS satisfied
FROM {db}.journeys
WHERE cancelled_at IS NOT NULL";

/// Records that ended elsewhere than among the counted.
pub(super) const OUTCOMES: &str = "
SELECT
    sum(counted_count) AS counted,
    sum(duplicate_count) AS duplicates,
    sum(erased_count) AS erased,
    sum(dead_count) AS dead
FROM {db}.batches
WHERE processor = 'sessionize' AND table_name = 'sessions'";

/// Clicks that name no customer and are in a customer's journey: those of customers' journeys, without those that name one.
pub(super) const JOINED: &str = "
SELECT
    (SELECT sum(click_count) FROM {db}.journeys WHERE customer != '')
    - (SELECT count() FROM {db}.touchpoints
       WHERE customer != '' AND outcome = 'counted' AND bot = '' AND author = '' AND kind != 'page_ping') AS joined";

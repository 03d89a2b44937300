-- The sessions, computed anew from the touchpoints: the rules of docs/sessions.md stated a second time, by other means.
--
-- Run it as it is, `crumbtrail sql - < docs/sql/sessions.sql`, or with another rule, to see what that would change. It
-- answers one row a session, as if event time had passed all of them (`end_reason` of one still open says `gap`). Tests
-- hold the rows against the table `sessions`, on real and on made-up data, and none differs (`tests/tests/oracle.rs`).
--
-- Two steps cut. Windows find what the gap connects (`chains`), for that rule looks at neighbours alone. The others look at
-- the session so far, so each chain is folded from its first event to its last (`folded`). The rest are sums.
WITH
    -- The rules, by the names they have in the configuration (`time_zone` is a column here, so it is `site_time_zone`). They
    -- are those of one site: name it, and run the query for each, if yours differ. '' takes all.
    '' AS one_site,
    1800 AS gap_seconds,
    86400 AS longest_seconds,
    10000 AS most_events,
    true AS cut_on_customer,
    false AS cut_on_campaign,
    false AS cut_at_midnight,
    'UTC' AS site_time_zone,
    false AS client_sessions,
    10 AS heartbeat_seconds,
    5 AS minimum_visit_seconds,
    10 AS engaged_seconds,
    2 AS engaged_views,
    ['purchase'] AS conversions,
    0 AS robot_views_a_minute,
    0 AS robot_views_alone,
    60 AS robot_alone_seconds,

    -- What counts, each event once: of several records of one id the one received first. Robots and people stay apart.
    -- `may_start`: marketing messages start nothing, and tell neither who came nor how.
    events AS
    (
        SELECT
            site, visitor, bot != '' AS is_robot, event_hash,
            toUnixTimestamp64Milli(occurred_at) AS at,
            -- Clocks that are further off than 24.8 days (31 bits of milliseconds) say nothing, and are taken to be off by so much.
            toUnixTimestamp64Milli(ifNull(device_at, occurred_at)) - at AS device_off,
            toUnixTimestamp64Milli(ifNull(received_at, occurred_at)) - at AS received_off,
            at + greatest(least(device_off, 2147483647), -2147483648) AS device_ms,
            at + greatest(least(received_off, 2147483647), -2147483648) AS received_ms,
            kind NOT LIKE 'message\\_%' AS may_start,
            if(may_start AND channel != '', [channel, source, medium, campaign, click_id, referrer], []) AS touch,
            -- What tells campaigns apart: source, medium and name; without the two the kind of click id. Direct is nothing.
            multiIf(
                touch[1] IN ('', 'direct'), '',
                medium || campaign = '', arrayStringConcat([source, '', splitByChar('=', click_id)[1]], '\t'),
                arrayStringConcat([source, medium, campaign], '\t')) AS whence,
            CAST((
                at, device_ms, event_hash, toDate32(occurred_at, site_time_zone), kind, may_start,
                if(may_start, customer, ''),
                if(may_start AND client_sessions, client_session, ''),
                touch,
                whence,
                whence != '' AND medium || campaign || click_id != '',
                page, [country, region, city, time_zone], [device, browser, os], language, bot,
                if(empty(items), 1, arraySum(items.quantity)),
                if(empty(items) OR kind = 'purchase', reinterpretAsInt64(revenue),
                    arraySum(arrayMap((price, pieces) -> price * pieces, items.price_micros, items.quantity))),
                currency
            ), 'Tuple(
                at Int64, device_ms Int64, event_hash String, day Date32, kind String, may_start Bool,
                customer String, client String, touch Array(String), whence String, is_campaign Bool,
                page String, place Array(String), device Array(String), language String, bot String,
                pieces Int64, worth Int64, currency String)') AS event
        FROM touchpoints
        WHERE outcome IN ('counted', 'duplicate')
            AND kind NOT IN ('message', 'opened', 'assigned', 'resolved', 'reopened', 'closed', 'rating', 'mention')
            AND (one_site = '' OR site = one_site)
        ORDER BY received_ms, at, device_ms, event_hash
        LIMIT 1 BY site, visitor, event_hash
    ),

    -- Total order is corrected time, the device's own, id. More than the gap apart is another chain.
    apart AS
    (
        SELECT *, at - lagInFrame(at, 1, at) OVER (
            PARTITION BY site, visitor, is_robot ORDER BY at, device_ms, event_hash
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > gap_seconds * 1000 AS is_apart
        FROM events
    ),
    numbered AS
    (
        SELECT *, sum(is_apart) OVER (
            PARTITION BY site, visitor, is_robot ORDER BY at, device_ms, event_hash
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS chain
        FROM apart
    ),
    chains AS
    (
        SELECT site, visitor, is_robot, chain, arraySort(groupArray(event)) AS in_chain
        FROM numbered
        GROUP BY site, visitor, is_robot, chain
    ),

    -- `so_far`: place in the chain; why its last event cannot go on with the session, whether it does, whether it begins one; of the
    -- session open then the number of events (0: none), start, end, day, customer, client session and campaign; and the marks:
    -- where sessions begin, why the one before ended, and how many events that had.
    'Tuple(
        place UInt32, why String, goes_on Bool, begins Bool,
        size UInt32, start Int64, last Int64, day Date32, customer String, client String, whence String,
        marks Array(Tuple(place UInt32, why String, size_before UInt32)))' AS state,
    folded AS
    (
        SELECT site, visitor, in_chain, arrayFold(
            (so_far, at, day, kind, may_start, customer, client, whence, is_campaign) -> CAST((
                so_far.place + 1,
                multiIf(
                    so_far.size = 0, '',
                    at - so_far.last > gap_seconds * 1000, 'gap',
                    at - so_far.start > longest_seconds * 1000, 'longest',
                    so_far.size >= most_events, 'most',
                    cut_on_customer AND so_far.customer != '' AND customer NOT IN ('', so_far.customer), 'customer',
                    so_far.client != '' AND client NOT IN ('', so_far.client) AND kind != 'page_ping', 'client_session',
                    so_far.client != '' AND (client = so_far.client OR NOT may_start), '',
                    cut_at_midnight AND day > so_far.day, 'midnight',
                    cut_on_campaign AND is_campaign AND so_far.whence NOT IN ('', whence), 'campaign',
                    '') AS why,
                (so_far.size > 0 AND why = '') AS goes_on,
                (NOT goes_on AND may_start) AS begins,
                multiIf(goes_on, so_far.size + 1, begins, 1, so_far.size),
                if(begins, at, so_far.start),
                if(begins OR goes_on, at, so_far.last),
                if(begins, day, so_far.day),
                if(begins OR so_far.customer = '', customer, so_far.customer),
                if(begins OR so_far.client = '', client, so_far.client),
                if(begins OR so_far.whence = '', whence, so_far.whence),
                if(begins, arrayPushBack(so_far.marks, (so_far.place, why, so_far.size)), so_far.marks)
            ), state),
            in_chain.at, in_chain.day, in_chain.kind, in_chain.may_start, in_chain.customer, in_chain.client, in_chain.whence, in_chain.is_campaign,
            CAST((1, '', false, false, 0, 0, 0, toDate32(0), '', '', '', []), state)
        ) AS cuts
        FROM chains
    ),

    -- A session is what goes on from a mark; the next one says why it ended.
    spans AS
    (
        SELECT
            site, visitor,
            arrayJoin(arrayZip(cuts.marks,
                arrayPopFront(arrayPushBack(cuts.marks, CAST((0, 'gap', cuts.size), 'Tuple(place UInt32, why String, size_before UInt32)')))
            )) AS span,
            span.1.why IN ('longest', 'most', 'midnight') AS is_continuation,
            span.2.why AS end_reason,
            arraySlice(in_chain, span.1.place, span.2.size_before) AS events
        FROM folded
    ),

    -- What the columns are read from.
    parts AS
    (
        SELECT
            *,
            arrayMap(event -> event.kind, events) AS kinds,
            arrayFilter(event -> event.kind IN ('page_view', 'screen_view'), events) AS views,
            arrayFilter(event -> event.kind IN ('product_added', 'product_removed', 'purchase'), events) AS trades,
            -- Money of another currency than the session's first cannot be added.
            arrayFirst(named -> named != '', arrayMap(trade -> trade.currency, trades)) AS own_currency,
            arrayMap(trade -> if(trade.currency IN ('', own_currency), trade.worth, 0), trades) AS worths,
            -- The first touch that is not direct, else the first; the first place with a country, else the first.
            arrayFilter(touch -> notEmpty(touch), arrayMap(event -> event.touch, events)) AS touches,
            arraySort((touch, n) -> (touch[1] = 'direct', n), touches, arrayEnumerate(touches))[1] AS touch,
            arrayFilter(place -> arrayStringConcat(place) != '', arrayMap(event -> event.place, events)) AS places,
            arraySort((place, n) -> (place[1] = '', n), places, arrayEnumerate(places))[1] AS place,
            arrayFirst(made_of -> arrayStringConcat(made_of) NOT IN ('', 'unknown'), arrayMap(event -> event.device, events)) AS made_of,
            -- A ping is of the last view before it, and in a slot of the device's clock.
            arrayDistinct(arrayFilter((slot, kind) -> kind = 'page_ping', arrayMap(
                (event, view) -> (view, floor(event.device_ms / (heartbeat_seconds * 1000))),
                events, arrayCumSum(kind -> kind IN ('page_view', 'screen_view'), kinds)), kinds)) AS slots,
            length(arrayDistinct(arrayMap(slot -> slot.1, slots))) AS pinged_views,
            -- A robot by what it does: the busiest six of the views' slots in a row, and views with nothing else.
            arrayFirst(bot -> bot != '', arrayMap(event -> event.bot, events)) AS told_bot,
            arrayMap(view -> floor(view.at / 10000), views) AS seen,
            arrayMax(arrayPushFront(arrayMap(last -> arrayCount(slot -> slot > last - 6 AND slot <= last, seen), arrayDistinct(seen)), 0)) AS busiest_minute_view_count,
            arrayCount(view -> view.at - views[1].at <= robot_alone_seconds * 1000, views) AS early_views,
            arrayExists(event -> event.may_start AND event.kind NOT IN
                ('page_view', 'screen_view', 'product_list_viewed', 'product_viewed', 'cart_viewed'), events) AS has_deeds
        FROM spans
    )
SELECT
    site,
    fromUnixTimestamp64Milli(events[1].at, 'UTC') AS started_at,
    fromUnixTimestamp64Milli(events[-1].at, 'UTC') AS ended_at,
    visitor,
    arrayFirst(customer -> customer != '', arrayMap(event -> event.customer, events)) AS customer,
    end_reason,
    toBool(is_continuation) AS is_continuation,
    toBool(events[-1].at - events[1].at >= engaged_seconds * 1000 OR length(views) >= engaged_views OR hasAny(kinds, conversions || ['media_watched', 'media_completed'])) AS is_engaged,
    toInt64((length(slots) - pinged_views) * heartbeat_seconds + pinged_views * minimum_visit_seconds) * 1000 AS engaged_ms,
    arrayCount(kind -> kind != 'page_ping', kinds) AS event_count,
    countEqual(kinds, 'page_ping') AS ping_count,
    length(views) AS view_count,
    countEqual(kinds, 'search') AS search_count,
    countEqual(kinds, 'product_viewed') AS product_view_count,
    countEqual(kinds, 'product_added') AS cart_add_count,
    countEqual(kinds, 'product_removed') AS cart_remove_count,
    arrayCount(kind -> kind IN ('checkout_started', 'checkout_step'), kinds) AS checkout_count,
    countEqual(kinds, 'purchase') AS purchase_count,
    arraySum(arrayMap(trade -> if(trade.kind = 'product_added', trade.pieces, 0), trades)) AS cart_add_quantity,
    arraySum(arrayMap(trade -> if(trade.kind = 'product_removed', trade.pieces, 0), trades)) AS cart_remove_quantity,
    arraySum(arrayMap(trade -> if(trade.kind = 'purchase', trade.pieces, 0), trades)) AS purchase_quantity,
    arrayFold((value, trade, worth) -> multiIf(
        trade.kind = 'product_added', greatest(value + worth, 0),
        trade.kind = 'product_removed', greatest(value - worth, 0),
        0), trades, worths, toInt64(0)) * toDecimal64('0.000001', 6) AS cart_value,
    arraySum(arrayMap((trade, worth) -> if(trade.kind = 'purchase', worth, 0), trades, worths)) * toDecimal64('0.000001', 6) AS revenue,
    own_currency AS currency,
    views[1].page AS entry_page,
    views[-1].page AS exit_page,
    arrayFirst(client -> client != '', arrayMap(event -> event.client, events)) AS client_session,
    touch[1] AS channel,
    touch[2] AS source,
    touch[3] AS medium,
    touch[4] AS campaign,
    touch[5] AS click_id,
    touch[6] AS referrer,
    place[1] AS country,
    place[2] AS region,
    place[3] AS city,
    place[4] AS time_zone,
    if(empty(made_of), 'unknown', made_of[1]) AS device,
    made_of[2] AS browser,
    made_of[3] AS os,
    arrayFirst(language -> language != '', arrayMap(event -> event.language, events)) AS language,
    if(told_bot != '', told_bot, splitByChar(',', bot_behaviour)[1]) AS bot,
    arrayStringConcat(arrayFilter(sign -> sign != '', [
        if(robot_views_a_minute > 0 AND busiest_minute_view_count > robot_views_a_minute, 'rate', ''),
        if(robot_views_alone > 0 AND early_views >= robot_views_alone AND NOT has_deeds, 'no_assets', '')]), ',') AS bot_behaviour,
    busiest_minute_view_count
FROM parts

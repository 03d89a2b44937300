//! Tables and views on a real engine: made, described, filled, read before any merge.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use bytes::Bytes;
use common::{ask, click, engine_is_here, inserter, loader, migrated, target, touchpoint_batch};
use crumbtrail_events::touchpoint::{Item, Items};
use crumbtrail_events::vocabulary::{Channel, Device, Feeling, Says};
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome, Touchpoint};
use crumbtrail_identity::{How, IdKind, LinkRow, Standing};
use crumbtrail_journeys::rows::{BreadcrumbRow, ConversionRow, JourneyRow, StageMoveRow};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_warehouse::Server as _;
use crumbtrail_warehouse::schema::{FILES, Target};
use crumbtrail_warehouse::tables::identity_links::Change;
use crumbtrail_warehouse::tables::{
    breadcrumbs, conversations, conversions, dead_letters, identity_links, journeys, sessions, stage_moves, touchpoints,
};
use crumbtrail_warehouse::{Client, DeadLetterRow, RowVersion, TableId, TableRows, TouchpointRow, migrate, read};

async fn put(client: &Client, table: TableId, token: &str, rows: Vec<u8>) {
    inserter(client).insert(table, token, 1, &[Bytes::from(rows)]).await.unwrap();
}

fn one(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut rows = Vec::new();
    encode(&mut rows);
    rows
}

#[tokio::test]
async fn migrating_twice_changes_nothing_and_verify_finds_nothing() {
    if !engine_is_here("migrating_twice_changes_nothing_and_verify_finds_nothing") {
        return;
    }
    let (client, first) = migrated("t_migrate").await;
    assert_eq!(first.applied.len(), FILES.len() - 2);
    let (_, second) = migrated("t_migrate").await;
    assert_eq!((second.applied.len(), second.unchanged_count), (0, FILES.len() - 2));
    assert_eq!(migrate::verify(&client, &target("t_migrate")).await.unwrap(), []);

    client.execute("ALTER TABLE t_migrate.sessions_e1 DROP COLUMN bot").await.unwrap();
    client.execute("DROP VIEW t_migrate.funnel").await.unwrap();
    let findings = migrate::verify(&client, &target("t_migrate")).await.unwrap();
    let objects: Vec<&str> = findings.iter().map(|finding| finding.object.as_str()).collect();
    assert_eq!(objects, ["sessions_e1", "funnel"], "{findings:?}");
    assert!(findings[0].detail.contains("column bot is missing"), "{findings:?}");

    let (_, third) = migrated("t_migrate").await;
    assert_eq!(third.applied.len(), 1, "a view that is gone is made again: {third:?}");
    let findings = migrate::verify(&client, &target("t_migrate")).await.unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[tokio::test]
async fn a_table_that_somebody_dropped_is_not_made_again_by_itself() {
    if !engine_is_here("a_table_that_somebody_dropped_is_not_made_again_by_itself") {
        return;
    }
    let of = target("t_dropped");
    let nobody = Client::new(&common::endpoint("t_dropped")).unwrap();
    assert_eq!(migrate::dropped(&nobody, &of).await.unwrap(), [""; 0], "nothing was made yet");
    let found = migrate::verify(&nobody, &of).await.unwrap();
    assert!(found.len() == 1 && found[0].mend.contains("crumbtrail migrate"), "{found:?}");

    let (client, _) = migrated("t_dropped").await;
    let batch = [touchpoint_batch(0, 0, &[Outcome::Counted, Outcome::Dead])];
    loader(&client).load(&batch).await.unwrap();
    let ledger = "SELECT count() FROM {db}.batches";
    let claims = ask(&client, ledger).await;
    client.execute("DROP TABLE t_dropped.dead_letters_e1 SYNC").await.unwrap();
    assert_eq!(migrate::dropped(&client, &of).await.unwrap(), ["dead_letters_e1"]);
    for refused in [
        migrate::migrate(&client, &of).await.unwrap_err(),
        loader(&client).load(&[touchpoint_batch(0, 2, &[Outcome::Dead])]).await.unwrap_err(),
    ] {
        let said = refused.to_string();
        assert!(refused.kind() == "dropped" && !refused.is_transient(), "{said}");
        assert!(said.contains("t_dropped.dead_letters_e1 is gone") && said.contains("--anew"), "{said}");
    }
    assert_eq!(ask(&client, "EXISTS {db}.dead_letters_e1").await, "0", "nor by trying");
    let found = migrate::verify(&client, &of).await.unwrap();
    let named = |object: &str| found.iter().find(|found| found.object == object).unwrap();
    assert!(named("dead_letters_e1").mend.contains("UNDROP TABLE"), "{found:?}");

    // On purpose: whoever reads the ledger begins at the log's begin, and the server takes it all again, claims included.
    assert_eq!(migrate::anew(&client, &of).await.unwrap(), ["dead_letters_e1"]);
    assert_eq!(ask(&client, ledger).await, "0");
    assert_eq!(migrate::anew(&client, &of).await.unwrap(), [""; 0], "once is enough");
    loader(&client).load(&batch).await.unwrap();
    assert_eq!(ask(&client, ledger).await, claims);
    assert_eq!(ask(&client, "SELECT count() FROM {db}.dead_letters").await, "1");
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "1");

    // The ledger itself.
    client.execute("DROP TABLE t_dropped.batches_e1 SYNC").await.unwrap();
    assert_eq!(migrate::anew(&client, &of).await.unwrap(), ["batches_e1"]);
    loader(&client).load(&batch).await.unwrap();
    assert_eq!(ask(&client, ledger).await, claims);
}

#[tokio::test]
async fn a_ttl_follows_the_target_and_the_audit_knows_what_it_took() {
    if !engine_is_here("a_ttl_follows_the_target_and_the_audit_knows_what_it_took") {
        return;
    }
    let (client, _) = migrated("t_ttl").await;
    client.execute("SYSTEM START MERGES t_ttl.touchpoints_e1").await.unwrap();
    loader(&client).load(&[touchpoint_batch(0, 0, &[Outcome::Counted, Outcome::Counted])]).await.unwrap();
    let kept = async |days: Option<u32>| {
        let target = Target { touchpoints_ttl_days: days, ..target("t_ttl") };
        let report = migrate::migrate(&client, &target).await.unwrap();
        client.execute("OPTIMIZE TABLE t_ttl.touchpoints_e1 FINAL").await.unwrap();
        let ttl = "SELECT extract(engine_full, 'toIntervalDay.(\\\\d+)') FROM system.tables WHERE database = '{db}' \
                   AND name = 'touchpoints_e1'";
        let rows = ask(&client, "SELECT count() FROM {db}.touchpoints").await;
        let audit = ask(&client, "SELECT kind FROM {db}.audit").await;
        (report.applied, ask(&client, ttl).await, rows, audit)
    };
    let both = vec!["0003_touchpoints.sql", "0164_audit_view.sql"];
    let said = |ttl: &str, rows: &str| (both.clone(), ttl.to_owned(), rows.to_owned(), String::new());
    assert_eq!(kept(Some(20_000)).await, said("20000", "2"), "made shorter than for ever");
    // The batch is of 2023.
    assert_eq!(kept(Some(30)).await, said("30", "0"));
    assert_eq!(kept(Some(30)).await.0, [""; 0], "nothing new");
    assert_eq!(kept(Some(20_000)).await, said("20000", "0"), "what is gone was taken by the ttl before");
    assert_eq!(kept(None).await, said("", "0"));
    let mut short = touchpoint_batch(1, 0, &[Outcome::Counted, Outcome::Counted]);
    short.tables = touchpoint_batch(1, 0, &[Outcome::Counted]).tables;
    short.watermark = short.watermark.plus(100 * 365 * 86_400_000);
    loader(&client).load(&[short]).await.unwrap();
    assert_eq!(ask(&client, "SELECT kind FROM {db}.audit").await, "rows", "what is younger counts");
}

#[tokio::test]
async fn texts_have_a_ttl_of_their_own() {
    if !engine_is_here("texts_have_a_ttl_of_their_own") {
        return;
    }
    let (client, _) = migrated("t_text_ttl").await;
    client.execute("SYSTEM START MERGES t_text_ttl.touchpoints_e1").await.unwrap();
    loader(&client).load(&[touchpoint_batch(0, 0, &[Outcome::Counted, Outcome::Counted])]).await.unwrap();
    let sql = "INSERT INTO {db}.touchpoints_e1 SELECT * REPLACE ('said' AS text, version + 1 AS version) FROM {db}.touchpoints_e1";
    client.execute(&sql.replace("{db}", "t_text_ttl")).await.unwrap();
    // The batch is of 2023.
    for (days, texts, ttl) in [(None, "2", ""), (Some(20_000), "2", "20000"), (Some(30), "0", "30"), (None, "0", "")] {
        let target = Target { text_ttl_days: days, ..target("t_text_ttl") };
        for _ in 0..2 {
            assert_eq!(migrate::migrate(&client, &target).await.unwrap().applied, [""; 0]);
        }
        client.execute("OPTIMIZE TABLE t_text_ttl.touchpoints_e1 FINAL").await.unwrap();
        let there = "SELECT extract(create_table_query, '`text` String[^,]*toIntervalDay.(\\\\d+)') FROM system.tables \
                     WHERE database = '{db}' AND name = 'touchpoints_e1'";
        assert_eq!(ask(&client, there).await, ttl);
        assert_eq!(ask(&client, "SELECT countIf(text = 'said') FROM {db}.touchpoints").await, texts, "{days:?}");
        assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "2", "the rows stay");
    }
}

#[tokio::test]
async fn columns_are_sent_in_the_order_and_types_the_tables_have() {
    if !engine_is_here("columns_are_sent_in_the_order_and_types_the_tables_have") {
        return;
    }
    let (client, _) = migrated("t_columns").await;
    for table in TableId::ALL {
        let described = ask(
            &client,
            &format!(
                "SELECT name, type FROM system.columns WHERE database = '{{db}}' AND table = '{}' ORDER BY position",
                table.in_epoch(1)
            ),
        )
        .await;
        let sent: Vec<String> =
            table.columns().iter().map(|column| format!("{}\t{}", column.name, column.type_name)).collect();
        assert_eq!(described, sent.join("\n"), "{}", table.name());
    }
    let silent = "SELECT table, name FROM system.columns WHERE database = '{db}' AND comment = ''";
    assert_eq!(ask(&client, silent).await, "", "columns without a comment");
}

#[tokio::test]
async fn a_touchpoint_reads_as_it_was_written() {
    if !engine_is_here("a_touchpoint_reads_as_it_was_written") {
        return;
    }
    let (client, _) = migrated("t_touchpoint").await;
    let mut items = Vec::new();
    let line = Item { product: "p1", name: "Tea", category: "food", price: Micros(2_500_000), quantity: 2 };
    Items::push(&mut items, &line);
    Items::push(&mut items, &Item { product: "p2", ..line });
    let mut touchpoint = Touchpoint {
        items: Items::from_buffer(&items),
        revenue: Micros(-12_345_678),
        currency: "THB",
        channel: Channel::PaidSearch,
        device: Device::Mobile,
        latitude: Some(13.75),
        text: "ขอบคุณ\t",
        feeling: Feeling::Positive,
        score: Some(0.5),
        says: Says::Complaint,
        topics: 0b11,
        likes: 0b1,
        dislikes: 0b10,
        friction: true,
        frictions: 1 << 1 | 1 << 13,
        device_at: 1_699_999_999_999,
        model: "m1",
        accuracy_km: 20,
        geo_edition: "City 2026-11-01",
        asn: 4_200_000_000,
        network_owner: "TRUE INTERNET",
        brand: "Samsung",
        browser_version: "126.0",
        os_version: "13",
        bot_indicators: "data_centre",
        page_group: "Blog",
        content_type: "article",
        content_topic: "running",
        ..click("shop", 5, 1_700_000_000_123)
    };
    touchpoint.head.kind = Kind::Purchase;
    let row = TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Late, session_id: 0xAB, log_partition: 3 };
    put(&client, TableId::Touchpoints, "t", one(|rows| touchpoints::encode(&row, RowVersion::new(1, 77, 1), rows)))
        .await;
    let found = ask(
        &client,
        "SELECT site, occurred_at, event_hash, kind, outcome, session_id, device_at, received_at, channel, device,
            round(latitude, 2), items.product, items.price_micros[1], revenue, topics, text, score, confidence, is_friction,
            log_partition, log_offset, model, author FROM {db}.touchpoints",
    )
    .await;
    assert_eq!(
        found,
        "shop\t2023-11-14 22:13:20.123\t0000000000000005\tpurchase\tlate\t00000000000000ab\t2023-11-14 22:13:19.999\t\
         \\N\tpaid_search\tmobile\t13.75\t['p1','p2']\t2500000\t-12.345678\t['billing','delivery']\tขอบคุณ\t\t0.5\t\
         \\N\ttrue\t3\t77\tm1"
    );
    let found = ask(&client, "SELECT says, likes, dislikes, friction_kinds FROM {db}.touchpoints").await;
    assert_eq!(found, "complaint\t['billing']\t['delivery']\t['late','other']");
    let found = ask(
        &client,
        "SELECT accuracy_km, geo_edition, asn, network_owner, brand, browser_version, os_version, bot_indicators,
            page_group, content_type, content_topic FROM {db}.touchpoints",
    )
    .await;
    assert_eq!(
        found,
        "20\tCity 2026-11-01\t4200000000\tTRUE INTERNET\tSamsung\t126.0\t13\tdata_centre\tBlog\tarticle\trunning"
    );
}

#[tokio::test]
async fn the_latest_version_counts_before_any_merge() {
    if !engine_is_here("the_latest_version_counts_before_any_merge") {
        return;
    }
    let (client, _) = migrated("t_versions").await;
    let start = EventTime(1_700_000_000_000);
    let session = |version: u64, id: u64, deleted: bool, views: u32| {
        let row = SessionRow {
            deleted,
            site: "shop",
            session_id: id,
            visitor: "v1",
            person: Key::visitor("shop", "v1"),
            started_at: start,
            ended_at: start.plus(i64::from(views) * 1000),
            view_count: views,
            revenue: Micros(1_500_000),
            ..SessionRow::default()
        };
        one(|rows| sessions::encode(&row, RowVersion::new(1, version, 0), rows))
    };
    // One insert a version, the newest not last: a late retry of an old batch must not bring its rows back.
    put(&client, TableId::Sessions, "a", session(1, 7, false, 1)).await;
    put(&client, TableId::Sessions, "b", session(3, 7, false, 3)).await;
    put(&client, TableId::Sessions, "c", session(2, 7, false, 2)).await;
    put(&client, TableId::Sessions, "d", session(1, 8, false, 9)).await;
    put(&client, TableId::Sessions, "e", session(4, 8, true, 9)).await;
    assert_eq!(ask(&client, "SELECT count() FROM {db}.sessions_e1").await, "5", "merges are stopped");
    let found =
        ask(&client, "SELECT session_id, view_count, duration_ms, is_bounce, revenue, person FROM {db}.sessions").await;
    let person = Key::visitor("shop", "v1").to_hex();
    assert_eq!(found, format!("0000000000000007\t3\t3000\ttrue\t1.5\t{person}"));
    assert_eq!(ask(&client, "SELECT count(), sum(view_count) FROM {db}.sessions").await, "1\t3");
    assert_eq!(ask(&client, "SELECT sum(session_count) FROM {db}.channel_performance").await, "1");
}

#[tokio::test]
async fn every_table_takes_its_rows() {
    if !engine_is_here("every_table_takes_its_rows") {
        return;
    }
    let (client, _) = migrated("t_rows").await;
    let version = RowVersion::new(1, 1, 0);
    let at = EventTime(1_700_000_000_000);
    let person = Key::customer("shop", "c1");
    let conversation = ConversationRow {
        site: "shop",
        conversation_id: "k1",
        person,
        channel: Channel::Chat,
        opened_at: at,
        last_at: at.plus(60_000),
        first_word_at: Some(at),
        first_reply_at: Some(at.plus(5_000)),
        first_reply_business_ms: Some(4_000),
        requester_wait_ms: 5_000,
        first_reply_due_at: Some(at.plus(4_999)),
        is_first_reply_breached: Some(true),
        touch_class: "one",
        rating_move: Some(-1.0),
        rating_turn: "good_to_bad",
        csat: Some(3.0),
        score_trend: Some(0.25),
        topics: 1,
        likes: 0b100,
        dislikes: 1,
        friction_count: 2,
        frictions: 1,
        question_count: 3,
        complaint_count: 4,
        suggestion_count: 5,
        praise_count: 6,
        status: "resolved",
        ..ConversationRow::default()
    };
    put(&client, TableId::Conversations, "t", one(|rows| conversations::encode(&conversation, version, rows))).await;
    assert_eq!(
        ask(&client, "SELECT first_reply_ms, resolution_ms, topics, channel FROM {db}.conversations").await,
        "5000\t\\N\t['billing']\tchat"
    );
    assert_eq!(
        ask(
            &client,
            "SELECT likes, dislikes, friction_count, friction_kinds, question_count, complaint_count, suggestion_count,
            praise_count FROM {db}.conversations"
        )
        .await,
        "['refund']\t['billing']\t2\t['not_received']\t3\t4\t5\t6"
    );
    assert_eq!(
        ask(
            &client,
            "SELECT first_reply_business_ms, requester_wait_ms, waiting_since_at, is_first_reply_breached,
            is_resolution_breached, touch_class, rating_move, rating_turn, csat, nps, score_trend FROM {db}.conversations"
        )
        .await,
        "4000\t5000\t\\N\ttrue\t\\N\tone\t-1\tgood_to_bad\t3\t\\N\t0.25"
    );
    let journey = JourneyRow {
        site: "shop",
        person,
        customer: "c1",
        stage: "purchase",
        model: "retail",
        first_at: at,
        last_at: at,
        ..JourneyRow::default()
    };
    put(&client, TableId::Journeys, "t", one(|rows| journeys::encode(&journey, version, rows))).await;
    let step = StageMoveRow {
        site: "shop",
        person,
        model: "retail",
        to_stage: "purchase",
        direction: "enter",
        moved_at: at,
        cause: 9,
        ..StageMoveRow::default()
    };
    put(&client, TableId::StageMoves, "t", one(|rows| stage_moves::encode(&step, version, rows))).await;
    let conversion = ConversionRow {
        site: "shop",
        conversion_id: 1,
        person,
        converted_at: at,
        kind: "purchase",
        revenue: Micros(7_000_000),
        currency: "IDR",
        has_cart: true,
        ..ConversionRow::default()
    };
    put(&client, TableId::Conversions, "t", one(|rows| conversions::encode(&conversion, version, rows))).await;
    let breadcrumb = BreadcrumbRow {
        site: "shop",
        breadcrumb_id: 1,
        person,
        kind: "cart_abandoned",
        began_at: at,
        last_at: at,
        true_at: at,
        how: "left",
        phase: "cart",
        value: Micros(3_000_000),
        currency: "IDR",
        evidence: &[1, 2],
        ..BreadcrumbRow::default()
    };
    put(&client, TableId::Breadcrumbs, "t", one(|rows| breadcrumbs::encode(&breadcrumb, version, rows))).await;
    let link = LinkRow {
        site: "shop",
        id_kind: IdKind::Contact,
        id: "h",
        customer: "c",
        person,
        standing: Standing::Linked,
        how: How::Support,
        claimed_at: Some(at),
        reaches_from: Some(EventTime::MIN),
        claim_event: 5,
        moved_count: 3,
    };
    put(
        &client,
        TableId::IdentityLinks,
        "t",
        one(|rows| identity_links::encode(Change { link: &link, at }, version, rows)),
    )
    .await;
    let stub = Touchpoint {
        reason: "malformed_json",
        detail: "line 1",
        topic: "clicks",
        offset: 4,
        text: "{\"a",
        ..Touchpoint::default()
    };
    let letter = DeadLetterRow { touchpoint: &stub, log_partition: 2 };
    put(&client, TableId::DeadLetters, "t", one(|rows| dead_letters::encode(&letter, version, rows))).await;

    assert_eq!(ask(&client, "SELECT person, stage FROM {db}.journeys").await, format!("{}\tpurchase", person.to_hex()));
    assert_eq!(
        ask(
            &client,
            "SELECT id, customer, person, standing, how, claim_event, year(reaches_from) FROM {db}.identity_links"
        )
        .await,
        format!("h\tc\t{}\tlinked\tsupport\t0000000000000005\t1900", person.to_hex())
    );
    assert_eq!(ask(&client, "SELECT contact_count, visitor_count FROM {db}.shared_ids").await, "1\t0");
    assert_eq!(ask(&client, "SELECT stage, entered_count, left_count FROM {db}.stage_daily").await, "purchase\t1\t0");
    assert_eq!(ask(&client, "SELECT stage, person_count FROM {db}.stage_stalls").await, "purchase\t1");
    assert_eq!(
        ask(
            &client,
            "SELECT abandoned_count, bought_count, abandonment_share, abandoned_value FROM {db}.cart_abandonment"
        )
        .await,
        "1\t1\t0.5\t3"
    );
    assert_eq!(ask(&client, "SELECT evidence FROM {db}.breadcrumbs").await, "['0000000000000001','0000000000000002']");
    assert_eq!(
        ask(&client, "SELECT reason, offset, preview, received_at FROM {db}.dead_letters").await,
        "malformed_json\t4\t{\"a\t\\N"
    );
    for view in FILES.iter().filter(|file| file.is_view()) {
        client.fetch(&format!("SELECT * FROM t_rows.{}", view.object()), "Null").await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_over_many_months_is_one_insert_and_may_be_repeated() {
    if !engine_is_here("a_batch_over_many_months_is_one_insert_and_may_be_repeated") {
        return;
    }
    let (client, _) = migrated("t_months").await;
    let mut rows = Vec::new();
    for month in 0..150u64 {
        let touchpoint = click("shop", month, 1_300_000_000_000 + month as i64 * 31 * 86_400_000);
        let row = TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Counted, session_id: 0, log_partition: 0 };
        touchpoints::encode(&row, RowVersion::new(1, month, 0), &mut rows);
    }
    let body = [Bytes::from(rows)];
    for token in ["same", "same", "other"] {
        inserter(&client).insert(TableId::Touchpoints, token, 150, &body).await.unwrap();
    }
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints_e1").await, "300", "the same token adds nothing");
    assert_eq!(ask(&client, "SELECT count() FROM {db}.touchpoints").await, "150");
}

#[tokio::test]
async fn people_ask_read_only() {
    if !engine_is_here("people_ask_read_only") {
        return;
    }
    let (client, _) = migrated("t_read").await;
    let mut answer = read::query(&client, "SELECT count() AS n FROM sessions", "CSVWithNames").unwrap();
    let mut text = Vec::new();
    while let Some(bytes) = answer.next().await.unwrap() {
        text.extend_from_slice(&bytes);
    }
    assert_eq!(text, b"\"n\"\n0\n");
    for write in [
        "DROP TABLE sessions_e1",
        "INSERT INTO sessions_e1 (site) VALUES ('x')",
        "CREATE TABLE x (a Int8) ENGINE = Memory",
    ] {
        let refused = async { read::query(&client, write, "TSV")?.next().await }.await;
        assert!(refused.is_err(), "{write}");
    }
    assert_eq!(ask(&client, "SELECT count() FROM {db}.sessions_e1").await, "0");
}

#[tokio::test]
async fn what_a_retry_cannot_mend_is_said_at_once() {
    if !engine_is_here("what_a_retry_cannot_mend_is_said_at_once") {
        return;
    }
    let (client, _) = migrated("t_refused").await;
    let torn = inserter(&client).insert(TableId::Sessions, "t", 1, &[Bytes::from_static(b"\x04ab")]).await.unwrap_err();
    assert_eq!(torn.kind(), "rows", "{torn}");
    client.execute("ALTER TABLE t_refused.sessions_e1 DROP COLUMN bot").await.unwrap();
    let missing = common::loader(&client);
    let mut batch = common::touchpoint_batch(0, 0, &[]);
    let robot = SessionRow { bot: "agent", ..SessionRow::default() };
    let row = one(|rows| sessions::encode(&robot, RowVersion::new(1, 1, 0), rows));
    batch.tables = vec![TableRows::new(TableId::Sessions, vec![Bytes::from(row)], 1)];
    let refused = missing.load(&[batch]).await.unwrap_err();
    assert_eq!(refused.kind(), "server_refused", "{refused}");
    let mut endpoint = common::endpoint("t_refused");
    endpoint.password = "wrong".to_owned();
    let denied = Client::new(&endpoint).unwrap().ping().await.unwrap_err();
    assert_eq!(denied.kind(), "denied", "{denied}");
}

#[tokio::test]
async fn the_history_of_a_link_stays_whatever_is_merged_or_said_again() {
    if !engine_is_here("the_history_of_a_link_stays_whatever_is_merged_or_said_again") {
        return;
    }
    let (client, _) = migrated("t_history").await;
    let at = EventTime(1_700_000_000_000);
    let put_link = async |token: &str, offset: u64, customer: &str, standing: Standing, moved_count: u32| {
        let link = LinkRow {
            site: "shop",
            id_kind: IdKind::Visitor,
            id: "v",
            customer,
            person: Key::customer("shop", customer),
            standing,
            how: How::Login,
            claimed_at: Some(at),
            reaches_from: Some(at).filter(|_| standing == Standing::Linked),
            claim_event: 5,
            moved_count,
        };
        let change = Change { link: &link, at: at.plus(offset as i64 * 1000) };
        let row = one(|rows| identity_links::encode(change, RowVersion::new(1, offset, 0), rows));
        put(&client, TableId::IdentityLinks, token, row).await;
    };
    put_link("a", 1, "c", Standing::Linked, 3).await;
    put_link("b", 2, "d", Standing::Rival, 0).await;
    put_link("c", 7, "c", Standing::Undone, 3).await;
    put_link("d", 7, "d", Standing::Linked, 3).await;
    // A replay says what was said, in other inserts.
    put_link("e", 7, "c", Standing::Undone, 3).await;
    put_link("f", 1, "c", Standing::Linked, 3).await;
    let history = "SELECT customer, change_number, toUnixTimestamp64Milli(changed_at) - 1700000000000, standing, reaches_from IS NULL
        FROM {db}.identity_link_history ORDER BY customer, change_number";
    let state =
        "SELECT customer, standing, moved_count, reaches_from IS NULL FROM {db}.identity_links ORDER BY customer";
    for _ in 0..2 {
        assert_eq!(
            ask(&client, history).await,
            "c\t1\t1000\tlinked\t0\nc\t2\t7000\tundone\t1\nd\t1\t2000\trival\t1\nd\t2\t7000\tlinked\t0"
        );
        assert_eq!(ask(&client, state).await, "c\tundone\t3\t1\nd\tlinked\t3\t0");
        client.execute("SYSTEM START MERGES t_history.identity_links_e1").await.unwrap();
        client.execute("OPTIMIZE TABLE t_history.identity_links_e1 FINAL").await.unwrap();
    }
    assert_eq!(ask(&client, "SELECT count() FROM {db}.identity_links_e1").await, "4");
}

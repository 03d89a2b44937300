//! Two epochs side by side on a real engine: the views show one of them, and are exchanged as one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{ask, click, endpoint, engine_is_here, target};
use crumbtrail_events::Outcome;
use crumbtrail_warehouse::backoff::Backoff;
use crumbtrail_warehouse::epochs::{self, Shown};
use crumbtrail_warehouse::insert::Inserter;
use crumbtrail_warehouse::observer::Silent;
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::tables::touchpoints;
use crumbtrail_warehouse::{Client, RowVersion, Server as _, TableId, TouchpointRow, migrate};

async fn put(client: &Client, epoch: u8, id: u64) {
    let (touchpoint, mut rows) = (click("shop", id, 1_700_000_000_000), Vec::new());
    let row = TouchpointRow { touchpoint: &touchpoint, outcome: Outcome::Counted, session_id: 0, log_partition: 0 };
    touchpoints::encode(&row, RowVersion::new(epoch, 1, 0), &mut rows);
    let inserter = Inserter::new(client.clone(), epoch, Backoff::default(), Arc::new(Silent));
    inserter.insert(TableId::Touchpoints, &format!("t{epoch}"), 1, &[rows.into()]).await.unwrap();
}

#[tokio::test]
async fn views_are_exchanged_as_one_and_tables_stay() {
    if !engine_is_here("views_are_exchanged_as_one_and_tables_stay") {
        return;
    }
    let database = "t_epochs";
    let client = Client::new(&endpoint(database)).unwrap();
    let [old, new] = [1, 2].map(|epoch| Target { epoch, ..target(database) });
    let seen = || ask(&client, "SELECT offset FROM {db}.touchpoints ORDER BY offset");
    let shows = |epoch| Some(Shown { oldest: epoch, newest: epoch });
    client.execute(&format!("CREATE DATABASE {database}")).await.unwrap();
    assert_eq!(epochs::shown(&client).await.unwrap(), None);
    migrate::migrate(&client, &old).await.unwrap();
    put(&client, 1, 7).await;

    // As if the build that made epoch 1 had not known this view.
    client.execute(&format!("DROP VIEW {database}.identity_link_history")).await.unwrap();
    migrate::migrate_tables(&client, &new).await.unwrap();
    put(&client, 2, 8).await;
    epochs::stage(&client, &new).await.unwrap();
    assert_eq!((epochs::shown(&client).await.unwrap(), seen().await.as_str()), (shows(1), "7"));
    assert_eq!(epochs::with_tables(&client).await.unwrap(), [1, 2]);
    assert_eq!(epochs::staged_audit(&client, &new).await.unwrap(), 0);
    client
        .execute(&format!(
            "INSERT INTO {database}.batches_e2 (epoch, processor, partition, table_name, from_offset, to_offset, record_count, \
             version) VALUES (2, 'journey', 0, 'journeys', 0, 3, 5, 1)"
        ))
        .await
        .unwrap();
    assert_eq!(
        epochs::staged_audit(&client, &new).await.unwrap(),
        2,
        "five accepted, none decided, and three tables unheard"
    );

    // A server that dies meanwhile leaves some exchanged.
    let half = format!("EXCHANGE TABLES {database}.sessions AND {database}.sessions_next");
    client.execute(&half).await.unwrap();
    assert_eq!(epochs::shown(&client).await.unwrap(), Some(Shown { oldest: 1, newest: 2 }));
    client.execute(&half).await.unwrap();
    epochs::switch(&client, &new).await.unwrap();
    assert_eq!((epochs::shown(&client).await.unwrap(), seen().await.as_str()), (shows(2), "8"));
    assert_eq!(migrate::verify(&client, &new).await.unwrap(), []);
    assert_eq!(
        ask(&client, "SELECT count() FROM system.tables WHERE database = '{db}' AND name LIKE '%_next'").await,
        "0"
    );

    epochs::show(&client, &old).await.unwrap();
    assert_eq!((epochs::shown(&client).await.unwrap(), seen().await.as_str()), (shows(1), "7"), "and back");
    epochs::stage(&client, &new).await.unwrap();
    client.execute(&half).await.unwrap();
    epochs::switch(&client, &new).await.unwrap();
    assert_eq!(
        (epochs::shown(&client).await.unwrap(), seen().await.as_str()),
        (shows(2), "8"),
        "the half is made whole"
    );

    assert!(epochs::drop_tables(&client, &new).await.unwrap_err().to_string().contains("are in use"));
    epochs::drop_tables(&client, &old).await.unwrap();
    assert_eq!(epochs::with_tables(&client).await.unwrap(), [2]);
    assert_eq!(seen().await, "8");
    migrate::migrate_tables(&client, &old).await.unwrap();
    assert_eq!(epochs::with_tables(&client).await.unwrap(), [1, 2], "a dropped epoch can be made anew");
}

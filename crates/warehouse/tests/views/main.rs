//! The views for BI over a handful of rows whose answers can be counted by hand, merges stopped. The sessions are
//! written twice: an older version with other figures comes first.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod leaving;
mod people;
mod service;
mod visits;

use bytes::Bytes;
use common::{ask, click, engine_is_here, inserter, migrated};
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
use crumbtrail_events::{EventTime, Key, Kind, Micros, Outcome, Touchpoint};
use crumbtrail_identity::{How, IdKind, LinkRow, Standing};
use crumbtrail_journeys::rows::{JourneyRow, StageMoveRow};
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_warehouse::Server as _;
use crumbtrail_warehouse::tables::identity_links::Change;
use crumbtrail_warehouse::tables::{conversations, identity_links, journeys, sessions, stage_moves, touchpoints};
use crumbtrail_warehouse::{Client, RowVersion, TableId, TouchpointRow};

const DAY: i64 = 86_400_000;
const START: EventTime = EventTime(1_699_920_000_000); // 2023-11-14T00:00:00Z

/// Rows of one table, encoded; one insert.
struct Rows<'a> {
    client: &'a Client,
    table: TableId,
    bytes: Vec<u8>,
    count: u64,
}

impl<'a> Rows<'a> {
    fn of(client: &'a Client, table: TableId) -> Rows<'a> {
        Rows { client, table, bytes: Vec::new(), count: 0 }
    }

    fn add(&mut self, encode: impl FnOnce(RowVersion, &mut Vec<u8>), version: u64) {
        self.count += 1;
        encode(RowVersion::new(1, version, self.count as u16), &mut self.bytes);
    }

    async fn insert(self, token: &str) {
        inserter(self.client).insert(self.table, token, self.count, &[Bytes::from(self.bytes)]).await.unwrap();
    }
}

fn session(id: u64, device: Device, steps: u32) -> SessionRow<'static> {
    SessionRow {
        site: "shop",
        session_id: id,
        visitor: "v",
        person: Key::visitor("shop", "v"),
        started_at: START.plus(id as i64 * 1000),
        ended_at: START.plus(id as i64 * 1000 + 20_000),
        is_engaged: steps > 0,
        view_count: 2,
        product_view_count: u32::from(steps >= 1),
        cart_add_count: u32::from(steps >= 2),
        checkout_count: u32::from(steps >= 3),
        purchase_count: u32::from(steps >= 4),
        revenue: Micros(if steps >= 4 { 10_500_000 } else { 0 }),
        // That of the cart, too.
        currency: if steps >= 2 { "THB" } else { "" },
        entry_page: "/",
        exit_page: "/cart",
        channel: Channel::Email,
        city: "Bangkok",
        device,
        ..SessionRow::default()
    }
}

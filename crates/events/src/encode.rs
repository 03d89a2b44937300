//! Typed events back to bytes, in every format we read: for the demo world, load generators and tests.

pub mod avro;
pub mod combined;
pub mod json;
pub mod segment;

use crate::click::ClickEvent;
use crate::kind::Kind;
use crate::vocabulary::Channel;

/// The name an event goes by: its own, or its kind's.
fn event_name<'a>(click: &ClickEvent<'a>) -> &'a str {
    if click.name.is_empty() && click.kind != Kind::Custom { click.kind.as_str() } else { click.name }
}

/// The name of a support channel in the schemas (`email`, not `support_email`).
fn channel_name(channel: Channel) -> &'static str {
    if channel == Channel::SupportEmail { "email" } else { channel.as_str() }
}

//! Touches and the conversions they led to.

use crumbtrail_events::vocabulary::Channel;
use crumbtrail_events::{EventTime, Key, Kind};
use xxhash_rust::xxh3::xxh3_64;

use crate::point::Seen;
use crate::snapshot::stored;
use crate::strings::Sym;

/// Touches kept per person; with more within the look-back, the oldest are forgotten.
pub(crate) const MOST_TOUCHES: usize = 50;

/// One touch: a touchpoint that says by which channel the person came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Touch {
    pub(crate) at: EventTime,
    pub(crate) source: Sym,
    pub(crate) campaign: Sym,
    pub(crate) channel: Channel,
}
stored!(Touch { at, source, campaign, channel });

/// The touch a touchpoint is, if it is one: it has a channel, that channel is none of support's, and the person did
/// something (a message sent to them is not a touch yet, an opened one is).
pub(crate) fn touch_of(seen: &Seen<'_>, at: EventTime) -> Option<Touch> {
    let channel = seen.point.channel;
    let is_marketing = channel != Channel::None && channel < Channel::Chat;
    let is_done_to_them =
        matches!(seen.point.kind, Kind::MessageSent | Kind::MessageDelivered | Kind::MessageUnsubscribed);
    if !is_marketing || is_done_to_them || seen.point.kind.is_support() {
        return None;
    }
    Some(Touch { at, source: seen.detail.source, campaign: seen.detail.campaign, channel })
}

/// Adds a touch and forgets those no conversion from now on can look back to.
pub(crate) fn remember(touches: &mut Vec<Touch>, touch: Touch, look_back_ms: i64) {
    let old = touches.iter().take_while(|other| touch.at.since(other.at) > look_back_ms).count();
    let surplus = (touches.len() + 1 - old).saturating_sub(MOST_TOUCHES);
    touches.drain(..old + surplus);
    touches.push(touch);
}

/// The touches within the look-back of a conversion at `at`.
pub(crate) fn within(touches: &[Touch], at: EventTime, look_back_ms: i64) -> &[Touch] {
    let old = touches.iter().take_while(|touch| at.since(touch.at) > look_back_ms).count();
    &touches[old..]
}

/// Hash of person, event and what is said of them: a row's stable id.
pub(crate) fn row_id(person: Key, event: u64, what: u8) -> u64 {
    let mut bytes = [0u8; 25];
    bytes[..16].copy_from_slice(&person.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&event.to_le_bytes());
    bytes[24] = what;
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(at: i64) -> Touch {
        Touch { at: EventTime(at), source: Sym(0), campaign: Sym(0), channel: Channel::Direct }
    }

    #[test]
    fn the_look_back_includes_its_end_and_memory_is_bounded() {
        let mut touches = Vec::new();
        for at in 0..200 {
            remember(&mut touches, touch(at), 30);
        }
        assert_eq!((touches[0].at.0, touches.len()), (169, 31));
        assert_eq!(within(&touches, EventTime(205), 30)[0].at.0, 175);
        for at in 200..400 {
            remember(&mut touches, touch(at), 1000);
        }
        assert_eq!(touches.len(), MOST_TOUCHES);
        assert_eq!(touches[49].at.0, 399);
    }
}

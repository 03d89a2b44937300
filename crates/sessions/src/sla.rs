//! What the service promised: by when the first reply and the resolution are due, and whether they came in time.

use crate::business_hours::Hours;
use crumbtrail_events::EventTime;
use crumbtrail_events::vocabulary::Channel;

/// One promise; of several, the first that fits a conversation counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Priority it is for; empty for every one.
    pub priority: String,
    /// Channel it is for; `None` for every one.
    pub channel: Option<Channel>,
    /// Longest time from the customer's first word to the first reply, ms.
    pub first_reply_ms: Option<i64>,
    /// Longest time from the customer's first word to the resolution, ms.
    pub resolution_ms: Option<i64>,
    /// Whether these are times in which the service is open.
    pub in_business_hours: bool,
}

/// By when something was due; `None` without a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) first_reply: Option<EventTime>,
    pub(crate) resolution: Option<EventTime>,
}

/// What is due of a conversation in which the customer's first word came at `word`.
pub(crate) fn due(policies: &[Policy], hours: &Hours, priority: &str, channel: Channel, word: EventTime) -> Due {
    let fits = |policy: &&Policy| {
        (policy.priority.is_empty() || policy.priority == priority) && policy.channel.is_none_or(|only| only == channel)
    };
    let Some(policy) = policies.iter().find(fits) else { return Due::default() };
    let by = |ms: i64| if policy.in_business_hours { hours.after(word, ms) } else { Some(word.plus(ms)) };
    Due { first_reply: policy.first_reply_ms.and_then(by), resolution: policy.resolution_ms.and_then(by) }
}

/// Whether it came too late: exactly when due is in time. `None` while it has not come, or nothing was promised.
pub(crate) fn is_breached(due: Option<EventTime>, came: Option<EventTime>) -> Option<bool> {
    Some(came? > due?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_policy_that_fits_counts() {
        let urgent = Policy { priority: "urgent".into(), first_reply_ms: Some(10), ..Policy::default() };
        let chat = Policy { channel: Some(Channel::Chat), first_reply_ms: Some(20), ..Policy::default() };
        let any = Policy { resolution_ms: Some(30), ..Policy::default() };
        let policies = [urgent, chat, any];
        let due = |priority, channel| due(&policies, &Hours::default(), priority, channel, EventTime(100));
        assert_eq!(due("urgent", Channel::Chat).first_reply, Some(EventTime(110)));
        assert_eq!(due("low", Channel::Chat).first_reply, Some(EventTime(120)));
        let other = due("low", Channel::Phone);
        assert_eq!((other.first_reply, other.resolution), (None, Some(EventTime(130))));
        assert_eq!(super::due(&[], &Hours::default(), "", Channel::Chat, EventTime(1)), Due::default());
    }

    #[test]
    fn exactly_when_due_is_in_time_and_one_ms_later_is_not() {
        let due = Some(EventTime(10));
        assert_eq!(is_breached(due, Some(EventTime(9))), Some(false));
        assert_eq!(is_breached(due, Some(EventTime(10))), Some(false));
        assert_eq!(is_breached(due, Some(EventTime(11))), Some(true));
        assert_eq!(is_breached(due, None), None);
        assert_eq!(is_breached(None, Some(EventTime(11))), None);
    }
}

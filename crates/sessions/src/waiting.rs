//! Who waits for whom in a conversation, and for how long.
//!
//! ```text
//! customer ●──────────────┐   ●●─────┐          ●──────┐
//! agent                   ●───────┐  ●──────────┘      ■ resolved
//!          requester waits    agent waits                  (the first unanswered word counts)
//! ```
//!
//! The requester waits from their first unanswered word until a human agent's message; the agent from a message of theirs
//! until the customer's next word. A resolution or a close ends both, and what is said after it begins none ("thanks", "you're
//! welcome"). A reopening (a `reopened`, or an `opened` after the end) makes the requester wait, from their first word since
//! that no agent answered. Automata answer nothing.

use crate::business_hours::Hours;
use crate::stored::stored_fields;
use crumbtrail_events::EventTime;

/// What happened, as far as waiting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The customer said something, or had the case opened again.
    Customer,
    /// A human agent answered.
    Agent,
    /// The matter was resolved or closed.
    Over,
}

/// Waiting so far; entries come in total order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Waiting {
    /// Since when the requester waits; after the end of the matter, since when they would if it were reopened.
    pub(crate) requester_since: Option<EventTime>,
    /// Since when the agent waits.
    pub(crate) agent_since: Option<EventTime>,
    /// What the requester has waited for answers that came, ms.
    pub(crate) requester_ms: i64,
    /// The same in business time.
    pub(crate) requester_business_ms: i64,
    /// What agents have waited for answers that came, ms.
    pub(crate) agent_ms: i64,
}

stored_fields!(Waiting { requester_since, agent_since, requester_ms, requester_business_ms, agent_ms });

impl Waiting {
    /// Takes in what happened next.
    pub(crate) fn turn(&mut self, turn: Turn, at: EventTime, hours: &Hours) {
        if turn != Turn::Customer
            && let Some(since) = self.requester_since.take()
        {
            self.requester_ms = self.requester_ms.saturating_add(at.since(since));
            self.requester_business_ms = self.requester_business_ms.saturating_add(hours.between(since, at));
        }
        if turn != Turn::Agent
            && let Some(since) = self.agent_since.take()
        {
            self.agent_ms = self.agent_ms.saturating_add(at.since(since));
        }
        match turn {
            Turn::Customer => self.requester_since = self.requester_since.or(Some(at)),
            Turn::Agent => self.agent_since = self.agent_since.or(Some(at)),
            Turn::Over => {}
        }
    }

    /// Takes in what happened after the matter was over.
    pub(crate) fn after(&mut self, turn: Turn, at: EventTime) {
        self.requester_since = match turn {
            Turn::Customer => self.requester_since.or(Some(at)),
            Turn::Agent | Turn::Over => None,
        };
    }

    /// Who is waited for, and since when; nobody once the matter is over.
    pub(crate) fn awaiting(&self, is_over: bool) -> (&'static str, Option<EventTime>) {
        match (self.requester_since, self.agent_since) {
            _ if is_over => ("", None),
            (Some(since), _) => ("agent", Some(since)),
            (None, Some(since)) => ("customer", Some(since)),
            (None, None) => ("", None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_from_the_first_unanswered_word_to_the_answer() {
        let mut waiting = Waiting::default();
        let mut told = Vec::new();
        for (turn, at) in [
            (Turn::Customer, 0),
            (Turn::Agent, 10),
            (Turn::Customer, 14),
            (Turn::Customer, 15),
            (Turn::Agent, 20),
            (Turn::Agent, 22),
            (Turn::Customer, 30),
            (Turn::Over, 37),
            (Turn::Over, 90),
        ] {
            waiting.turn(turn, EventTime(at), &Hours::default());
            told.push((waiting.requester_ms, waiting.agent_ms, waiting.awaiting(false).0));
        }
        assert_eq!(
            told,
            [
                (0, 0, "agent"),
                (10, 0, "customer"),
                (10, 4, "agent"),
                (10, 4, "agent"),
                (16, 4, "customer"),
                (16, 4, "customer"),
                (16, 14, "agent"),
                (23, 14, ""),
                (23, 14, ""),
            ]
        );
        assert_eq!(waiting.requester_business_ms, 23);
    }

    #[test]
    fn what_is_said_after_the_end_begins_a_wait_only_if_it_is_reopened_before_an_answer() {
        for (after, since) in [
            (&[(Turn::Customer, 20), (Turn::Customer, 25)][..], 20),
            (&[(Turn::Customer, 20), (Turn::Agent, 25)], 30),
            (&[(Turn::Customer, 20), (Turn::Over, 25)], 30),
            (&[(Turn::Agent, 25)], 30),
        ] {
            let (mut waiting, hours) = (Waiting::default(), Hours::default());
            waiting.turn(Turn::Customer, EventTime(0), &hours);
            waiting.turn(Turn::Over, EventTime(10), &hours);
            for &(turn, at) in after {
                waiting.after(turn, EventTime(at));
                assert_eq!(waiting.awaiting(true), ("", None));
            }
            waiting.turn(Turn::Customer, EventTime(30), &hours);
            assert_eq!(waiting.awaiting(false), ("agent", Some(EventTime(since))), "{after:?}");
            assert_eq!((waiting.requester_ms, waiting.agent_ms), (10, 0), "{after:?}");
        }
    }
}

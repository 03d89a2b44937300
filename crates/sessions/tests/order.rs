//! Order does not matter: however events arrive within the lateness, however they are split by ticks, wherever the state
//! is saved and restored, the final rows are those that a naive computation over all events gives.
//!
//! 10 000 cases in all; `CRUMBTRAIL_CASES=1000000` runs the long form.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "order/conversations.rs"]
mod conversations;
#[path = "order/oracle.rs"]
mod oracle;
#[path = "order/run.rs"]
mod run;
#[path = "order/sessions.rs"]
mod sessions;

//! Order does not matter: however events arrive within the lateness, however they are split by ticks, wherever the state
//! is saved and restored, the final rows are those that a naive computation over all events gives. Rows are compared by every field.
//!
//! 10 000 cases of sessions, as many of conversations, and a share of that for rules that change and for folding;
//! `CRUMBTRAIL_CASES=1000000`, or `make order`, runs the long form.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "order/conversations.rs"]
mod conversations;
#[path = "order/oracle.rs"]
mod oracle;
#[path = "order/run.rs"]
mod run;
#[path = "order/service.rs"]
mod service;
#[path = "order/sessions.rs"]
mod sessions;

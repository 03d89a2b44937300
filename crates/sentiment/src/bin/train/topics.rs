//! How often the phrase rules agree with labels that were made for something like them.

use super::data::{self, Outcome};
use crumbtrail_sentiment::{Scratch, TopicRules, TopicSet};
use std::path::Path;

/// What a rule claims about a text.
type Claim = fn(TopicSet, bool) -> bool;
/// Whether a label means the same.
type Truth = fn(&str) -> bool;

const CHECKS: &[(&str, &str, Claim, Truth)] = &[
    ("billing", "tv_dest.test", |topics, _| topics.contains("billing"), |label| label == "billing and payment"),
    ("cancellation", "tv_action.test", |topics, _| topics.contains("cancellation"), |label| label == "cancel"),
    ("friction", "tv_action.test", |_, friction| friction, |label| label == "report"),
    (
        "refund",
        "banking77.test",
        |topics, _| topics.contains("refund"),
        |label| label.to_lowercase().contains("refund"),
    ),
    (
        "login_account",
        "banking77.test",
        |topics, _| topics.contains("login_account"),
        |label| {
            let label = label.to_lowercase();
            ["passcode", "verify_my_identity", "unable_to_verify", "terminate_account"]
                .iter()
                .any(|part| label.contains(part))
        },
    ),
    (
        "friction",
        "banking77.test",
        |_, friction| friction,
        |label| {
            let label = label.to_lowercase();
            [
                "not_received",
                "failed",
                "declined",
                "twice",
                "not_working",
                "wrong",
                "not_recognised",
                "not_updated",
                "not_showing",
                "reverted",
                "swallowed",
                "unable",
                "extra_charge",
                "refund_not",
            ]
            .iter()
            .any(|part| label.contains(part))
        },
    ),
];

/// One line per check.
pub(crate) fn report(folder: &Path, rules: &TopicRules, mut line: impl FnMut(&str)) -> Outcome<()> {
    let mut scratch = Scratch::new();
    for (name, file, claim, truth) in CHECKS {
        let rows = data::raw(folder, file)?;
        let (mut both, mut claimed, mut meant) = (0, 0, 0);
        for (text, label) in &rows {
            scratch.normalise(text);
            let found = rules.read(&mut scratch);
            let (claim, truth) = (claim(found.topics, found.friction.is_some()), truth(label));
            both += usize::from(claim && truth);
            claimed += usize::from(claim);
            meant += usize::from(truth);
        }
        let share = |of: usize| both as f64 / of.max(1) as f64;
        line(&format!(
            "| {name} | {file} | {} ({meant} meant) | {:.3} | {:.3} |",
            rows.len(),
            share(claimed),
            share(meant)
        ));
    }
    Ok(())
}

//! What a conversation's row says of the service, looked up in the list of its entries: no turn by turn, no state.

use crate::conversations::Entry;
use crumbtrail_events::vocabulary::{Author, Channel, Scale};
use crumbtrail_events::{EventTime, Kind};

/// Fields of the row of these entries, in order, as `Debug` writes them.
pub(crate) fn said_of(talk: &[&Entry]) -> Vec<String> {
    let in_public = |channel| matches!(channel, Channel::Review | Channel::Social | Channel::CommentOnSite);
    let began = talk[0].channel;
    let is_word = |entry: &&&Entry| {
        entry.author == Author::Customer
            && match entry.kind {
                Kind::SupportMessage | Kind::SupportMention | Kind::SupportOpened | Kind::SupportReopened => true,
                Kind::SupportRating => {
                    began == Channel::Survey || in_public(began) || in_public(entry.channel) && entry.has_text()
                }
                _ => false,
            }
    };
    let is_reply = |entry: &&&Entry| {
        entry.author == Author::Agent
            && match entry.kind {
                Kind::SupportMessage | Kind::SupportMention => true,
                Kind::SupportOpened | Kind::SupportResolved | Kind::SupportClosed => entry.has_text(),
                Kind::SupportRating => in_public(entry.channel) && entry.has_text(),
                _ => false,
            }
    };
    let word = talk.iter().position(|entry| is_word(&entry));
    let reply = word.and_then(|n| talk[n..].iter().find(is_reply));
    let word = word.map(|n| EventTime(talk[n].at));

    // Beginnings and ends in turn: one that follows on an end is a reopening, and after the last of them an end holds.
    let begins = |entry: &Entry| matches!(entry.kind, Kind::SupportOpened | Kind::SupportReopened);
    let ends = |entry: &Entry| matches!(entry.kind, Kind::SupportResolved | Kind::SupportClosed);
    let turns: Vec<&Entry> = talk.iter().copied().filter(|entry| begins(entry) || ends(entry)).collect();
    let reopened = turns.windows(2).filter(|two| ends(two[0]) && begins(two[1])).count();
    let last = turns.iter().rposition(|entry| begins(entry)).map_or(0, |n| n + 1);
    let resolved = turns[last..].iter().rfind(|entry| entry.kind == Kind::SupportResolved);
    let closed = turns[last..].iter().find(|entry| entry.kind == Kind::SupportClosed);
    let replies_to = |end: &Entry| talk.iter().position(|entry| std::ptr::eq(*entry, end)).map(|n| &talk[..=n]);
    let touches = resolved.and_then(|end| replies_to(end)).map(|talk| talk.iter().filter(is_reply).count());
    let touches = touches.map_or("", |count| ["none", "one", "two", "multi"][count.min(3)]);

    let rated = |scales: [Scale; 2], least: u8, most: u8| {
        let own = talk.iter().filter(|entry| matches!(entry.author, Author::Customer | Author::System));
        let mut of = own.filter_map(|entry| entry.rating()).filter(|(_, scale)| scales.contains(scale));
        of.rfind(|(rating, _)| (least..=most).contains(rating)).map(|(rating, _)| f32::from(rating))
    };

    let priority = talk.iter().map(|entry| entry.priority()).rfind(|told| !told.is_empty()).unwrap_or_default();
    let due = word.filter(|_| priority != "a" && began == Channel::Chat).map(|word| EventTime(word.0 + 5_000));
    let ended = resolved.or(closed).map(|end| end.at);
    let time = |entry: Option<&&Entry>| entry.map(|entry| EventTime(entry.at));
    let mut said = vec![
        format!(" first_word_at: {word:?},"),
        format!(" first_reply_at: {:?},", time(reply)),
        format!(" resolved_at: {:?},", time(resolved)),
        format!(" reopen_count: {reopened},"),
        format!(" touch_class: {touches:?},"),
        format!(" csat: {:?},", rated([Scale::Csat, Scale::Stars], 1, 5)),
        format!(" nps: {:?},", rated([Scale::Nps; 2], 0, 10)),
        format!(" ces: {:?},", rated([Scale::Ces; 2], 1, 7)),
        format!(" resolution_due_at: {due:?},"),
        format!(" is_resolution_breached: {:?},", due.zip(ended).map(|(due, ended)| ended > due.0)),
    ];
    if word.is_none() || priority != "a" {
        said.push(" first_reply_due_at: None,".to_owned());
    }
    said
}

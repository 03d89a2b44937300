//! The rules of channels as data: read once, then a few comparisons a touch. The format stands at the head of
//! `data/channels.txt`.

use crumbtrail_events::vocabulary::Channel;

use super::{Clues, Referrer};
use crate::sources::Class;

/// Longest campaign field looked at, in bytes.
const LONGEST: usize = 64;

/// Why channel rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("channel rules, line {line}: {what}")]
pub struct RulesError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub what: String,
}

/// A channel and the number of the rule that gave it, see [`ChannelRules::rule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The channel.
    pub channel: Channel,
    /// The rule; `None` where none was asked (no touch).
    pub rule: Option<u16>,
}

/// Channel rules, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelRules {
    marks: Vec<Mark>,
    groups: Vec<Group>,
    /// What a referrer without a campaign gets, by the class of its source.
    of_class: [Decision; Class::ALL.len()],
    direct: Decision,
}

#[derive(Clone, Debug, PartialEq)]
struct Mark {
    name: String,
    any: Vec<Vec<Condition>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Group {
    channel: Channel,
    all: Vec<Condition>,
    line: usize,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Mark(usize),
    Text(Field, Operation, Vec<String>),
    Class(Vec<Class>),
    From(Vec<From>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Source,
    Medium,
    Campaign,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Is,
    Has,
    Begins,
    Ends,
    Word,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Campaign,
    Site,
    Nowhere,
}

/// A touch as the rules see it: texts in lower case.
struct Touch<'a> {
    source: &'a [u8],
    medium: &'a [u8],
    campaign: &'a [u8],
    class: Class,
    from: From,
}

impl ChannelRules {
    /// Reads the `mark` and `channel` lines of a file; other lines are somebody else's.
    ///
    /// # Errors
    /// The first line that is none, or that names an unknown channel, mark, field or operation.
    pub fn read(text: &str) -> Result<ChannelRules, RulesError> {
        let mut rules = ChannelRules {
            marks: Vec::new(),
            groups: Vec::new(),
            of_class: [Decision::default(); Class::ALL.len()],
            direct: Decision::default(),
        };
        for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            let wrong = |what: String| RulesError { line: number, what };
            if line.is_empty() || line.starts_with('#') || line.starts_with("source ") {
                continue;
            }
            let (head, conditions) = line.split_once(':').ok_or_else(|| wrong("a colon is missing".to_owned()))?;
            let all = conditions
                .split(';')
                .map(str::trim)
                .filter(|condition| !condition.is_empty())
                .map(|condition| rules.condition(condition))
                .collect::<Result<Vec<_>, _>>()
                .map_err(wrong)?;
            match head.split_once(' ').map(|(what, name)| (what, name.trim())) {
                Some(("mark", name)) => match rules.marks.iter_mut().find(|mark| mark.name == name) {
                    Some(mark) => mark.any.push(all),
                    None => rules.marks.push(Mark { name: name.to_owned(), any: vec![all] }),
                },
                Some(("channel", name)) => {
                    let channel = Channel::from_name(name)
                        .filter(|channel| *channel != Channel::None)
                        .ok_or_else(|| wrong(format!("{name:?} is no channel")))?;
                    rules.groups.push(Group { channel, all, line: number, text: line.to_owned() });
                }
                _ => return Err(wrong(format!("{head:?}: a line begins with mark, channel or source"))),
            }
        }
        if rules.groups.len() > usize::from(u16::MAX) {
            return Err(RulesError { line: 0, what: "more than 65,535 rules".to_owned() });
        }
        rules.tabulate();
        Ok(rules)
    }

    /// Most touches have no campaign: their decisions are made once.
    fn tabulate(&mut self) {
        for class in Class::ALL {
            let touch = Touch { source: b"", medium: b"", campaign: b"", class, from: From::Site };
            self.of_class[class as usize] = self.first(&touch);
        }
        let touch = Touch { source: b"", medium: b"", campaign: b"", class: Class::Unknown, from: From::Nowhere };
        self.direct = self.first(&touch);
    }

    fn condition(&self, text: &str) -> Result<Condition, String> {
        let (negated, text) = match text.strip_prefix("not ") {
            Some(rest) => (true, rest.trim()),
            None => (false, text),
        };
        let mut words = text.splitn(3, ' ');
        let (Some(field), Some(operation), Some(values)) = (words.next(), words.next(), words.next()) else {
            let known = self.marks.iter().position(|mark| mark.name == text);
            let test = Test::Mark(known.ok_or_else(|| format!("{text:?} is no mark named before"))?);
            return Ok(Condition { negated, test });
        };
        let values = values.split(',').map(|value| value.trim().to_ascii_lowercase()).filter(|value| !value.is_empty());
        let test = match (field, operation) {
            ("class", "is") => Test::Class(
                values
                    .map(|name| Class::from_name(&name).ok_or_else(|| format!("{name:?} is no class")))
                    .collect::<Result<_, _>>()?,
            ),
            ("from", "is") => Test::From(values.map(|name| from(&name)).collect::<Result<_, _>>()?),
            _ => {
                let field = match field {
                    "source" => Field::Source,
                    "medium" => Field::Medium,
                    "campaign" => Field::Campaign,
                    _ => return Err(format!("{field:?}: fields are source, medium, campaign, class, from")),
                };
                let operation = match operation {
                    "is" => Operation::Is,
                    "has" => Operation::Has,
                    "begins" => Operation::Begins,
                    "ends" => Operation::Ends,
                    "word" => Operation::Word,
                    _ => return Err(format!("{operation:?}: operations are is, has, begins, ends, word")),
                };
                Test::Text(field, operation, values.collect())
            }
        };
        Ok(Condition { negated, test })
    }

    /// The channel of a touch; [`Channel::None`] when nothing brought the visitor here from outside.
    #[must_use]
    pub fn decide(&self, clues: &Clues<'_>) -> Decision {
        if clues.goes_on() {
            return Decision::default();
        }
        if !clues.is_campaign {
            return match clues.referrer {
                Referrer::Absent => self.direct,
                Referrer::Internal | Referrer::Excluded => Decision::default(),
                Referrer::External(source) => self.of_class[source.class as usize],
            };
        }
        let (mut source, mut medium, mut campaign) = ([0; LONGEST], [0; LONGEST], [0; LONGEST]);
        let touch = Touch {
            source: lower(clues.source, &mut source),
            medium: lower(clues.medium, &mut medium),
            campaign: lower(clues.campaign, &mut campaign),
            class: clues.class(),
            from: From::Campaign,
        };
        self.first(&touch)
    }

    fn first(&self, touch: &Touch<'_>) -> Decision {
        let rule = self.groups.iter().position(|group| self.holds(&group.all, touch));
        match rule {
            Some(rule) => Decision { channel: self.groups[rule].channel, rule: Some(rule as u16) },
            // Rules need not end with one that always holds.
            None => Decision { channel: Channel::Referral, rule: None },
        }
    }

    fn holds(&self, all: &[Condition], touch: &Touch<'_>) -> bool {
        all.iter().all(|condition| self.test(&condition.test, touch) != condition.negated)
    }

    fn test(&self, test: &Test, touch: &Touch<'_>) -> bool {
        match test {
            Test::Mark(mark) => self.marks[*mark].any.iter().any(|all| self.holds(all, touch)),
            Test::Class(classes) => classes.contains(&touch.class),
            Test::From(from) => from.contains(&touch.from),
            Test::Text(field, operation, values) => {
                let text = match field {
                    Field::Source => touch.source,
                    Field::Medium => touch.medium,
                    Field::Campaign => touch.campaign,
                };
                !text.is_empty() && values.iter().any(|value| operation.holds(text, value.as_bytes()))
            }
        }
    }

    /// The rule of a decision, with the number of its line: `line 41: channel paid_search: paid; class is search`.
    #[must_use]
    pub fn rule(&self, number: u16) -> Option<(usize, &str)> {
        self.groups.get(usize::from(number)).map(|group| (group.line, group.text.as_str()))
    }
}

impl Operation {
    fn holds(self, text: &[u8], value: &[u8]) -> bool {
        match self {
            Operation::Is => text == value,
            Operation::Has => text.windows(value.len().max(1)).any(|part| part == value),
            Operation::Begins => text.starts_with(value),
            Operation::Ends => text.ends_with(value),
            Operation::Word => text
                .windows(value.len().max(1))
                .enumerate()
                .any(|(at, part)| part == value && (at == 0 || !matches!(text[at - 1], b'a'..=b'd' | b'f'..=b'z'))),
        }
    }
}

fn from(name: &str) -> Result<From, String> {
    Ok(match name {
        "campaign" => From::Campaign,
        "site" => From::Site,
        "nowhere" => From::Nowhere,
        _ => return Err(format!("{name:?}: from is campaign, site or nowhere")),
    })
}

/// The first bytes of `text` in lower case.
fn lower<'b>(text: &str, buffer: &'b mut [u8; LONGEST]) -> &'b [u8] {
    let text = text.trim_ascii().as_bytes();
    let len = text.len().min(buffer.len());
    buffer[..len].copy_from_slice(&text[..len]);
    buffer[..len].make_ascii_lowercase();
    &buffer[..len]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Source;

    #[test]
    fn own_rules_say_what_they_say() {
        let rules = ChannelRules::read(
            "# ours\nmark house: source begins our-\nmark house: medium is inbox\n\
             channel push: house; not campaign has test\nchannel audio: campaign word radio\nchannel display: from is site",
        )
        .unwrap();
        let decide = |source, medium, campaign| {
            rules.decide(&Clues { is_campaign: true, source, medium, campaign, ..Clues::default() }).channel
        };
        assert_eq!(decide("Our-App", "x", ""), Channel::Push);
        assert_eq!(decide("other", "inbox", "a-test"), Channel::Referral, "nothing holds");
        assert_eq!(decide("other", "", "eradio"), Channel::Audio);
        assert_eq!(decide("other", "", "myradio"), Channel::Referral);
        let site = Clues { referrer: Referrer::External(Source::default()), ..Clues::default() };
        assert_eq!(rules.decide(&site), Decision { channel: Channel::Display, rule: Some(2) });
        assert_eq!(rules.rule(2), Some((6, "channel display: from is site")));
    }

    #[test]
    fn a_wrong_line_says_what_would_be_right() {
        for (text, line, part) in [
            ("channel display", 1, "colon"),
            ("\nchannel banner: ", 2, "no channel"),
            ("channel display: paid", 1, "no mark"),
            ("channel display: colour is red", 1, "fields are"),
            ("channel display: medium like red", 1, "operations are"),
            ("channel display: class is paper", 1, "no class"),
            ("channel display: from is mars", 1, "nowhere"),
            ("rule display: from is site", 1, "begins with"),
        ] {
            let error = ChannelRules::read(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}

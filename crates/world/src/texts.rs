//! What people write: phrases by language and topic, with names, orders and contacts filled in.
//!
//! The files `texts/en.tsv`, `th.tsv` and `id.tsv` hold one phrase a line: topic, tab, phrase. Placeholders: `{name}`
//! `{product}` `{order}` `{days}` `{email}` `{phone}` `{city}`.

use std::collections::HashMap;

use crate::catalogue::PRODUCTS;
use crate::dice::{Dice, scramble};
use crate::places::Tongue;

/// What a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Topic {
    Billing,
    Delivery,
    Quality,
    Price,
    Login,
    Onboarding,
    Checkout,
    Service,
    Question,
    Praise,
    Meh,
    Suggestion,
    Details,
    Thanks,
    StillUnhappy,
    StorePraise,
    StoreGrumble,
    SocialPraise,
    SocialGrumble,
    BotHello,
    AgentAsk,
    AgentSolve,
}

const TOPICS: [(Topic, &str); 22] = [
    (Topic::Billing, "billing"),
    (Topic::Delivery, "delivery"),
    (Topic::Quality, "quality"),
    (Topic::Price, "price"),
    (Topic::Login, "login"),
    (Topic::Onboarding, "onboarding"),
    (Topic::Checkout, "checkout"),
    (Topic::Service, "service"),
    (Topic::Question, "question"),
    (Topic::Praise, "praise"),
    (Topic::Meh, "meh"),
    (Topic::Suggestion, "suggestion"),
    (Topic::Details, "details"),
    (Topic::Thanks, "thanks"),
    (Topic::StillUnhappy, "still_unhappy"),
    (Topic::StorePraise, "store_praise"),
    (Topic::StoreGrumble, "store_grumble"),
    (Topic::SocialPraise, "social_praise"),
    (Topic::SocialGrumble, "social_grumble"),
    (Topic::BotHello, "bot_hello"),
    (Topic::AgentAsk, "agent_ask"),
    (Topic::AgentSolve, "agent_solve"),
];

impl Topic {
    /// Its name, as a tag of a case.
    pub(crate) fn tag(self) -> &'static str {
        TOPICS[self as usize].1
    }

    /// What a complaint on this topic is about, as the reader of texts names it.
    pub(crate) fn aspect(self) -> Option<&'static str> {
        Some(match self {
            Topic::Billing => "billing",
            Topic::Delivery => "delivery",
            Topic::Quality => "product_quality",
            Topic::Price => "price",
            Topic::Login => "login_account",
            Topic::Onboarding => "onboarding",
            Topic::Checkout => "website_checkout",
            Topic::Service => "staff_service",
            _ => return None,
        })
    }
}

/// One text: a phrase and what fills its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) tongue: Tongue,
    number: u16,
    seed: u32,
}

/// All phrases.
#[derive(Debug)]
pub(crate) struct Texts {
    phrases: [Vec<(Topic, &'static str)>; 3],
    /// Where the phrases of a topic begin and how many there are.
    ranges: [[(u16, u16); TOPICS.len()]; 3],
}

const FILES: [&str; 3] =
    [include_str!("../texts/en.tsv"), include_str!("../texts/th.tsv"), include_str!("../texts/id.tsv")];

const NAMES: [[&str; 12]; 3] = [
    ["Emma", "Oliver", "Priya", "Wei Ling", "Jack", "Sophie", "Hannah", "Marcus", "Chloe", "Daniel", "Aisha", "Tom"],
    ["สมชาย", "ณัฐพร", "ปิยะ", "กมลวรรณ", "ธนา", "อรทัย", "วิชัย", "พิมพ์ชนก", "สุดา", "ชลธิชา", "เอกชัย", "มาลี"],
    ["Budi", "Siti", "Dewi", "Agus", "Rina", "Putri", "Wahyu", "Fitri", "Andi", "Lestari", "Joko", "Nur"],
];
const MAILBOXES: [&str; 12] = [
    "emma.h",
    "oliver88",
    "priya.k",
    "somchai.p",
    "nattaporn",
    "piya99",
    "budi.s",
    "siti.rahma",
    "dewi_l",
    "agus.w",
    "rina",
    "putri.m",
];

/// What people search for, by language.
pub(crate) const SEARCHES: [[&str; 10]; 3] = [
    [
        "silk scarf",
        "teak bowl",
        "gift for mum",
        "rattan lamp",
        "batik bag",
        "jasmine tea",
        "mortar",
        "celadon",
        "wallet",
        "basket",
    ],
    [
        "ผ้าพันคอไหม",
        "ชามไม้สัก",
        "ของขวัญวันแม่",
        "โคมไฟหวาย",
        "กระเป๋าผ้าบาติก",
        "ชามะลิ",
        "ครกหิน",
        "ศิลาดล",
        "กระเป๋าสตางค์",
        "ตะกร้า",
    ],
    [
        "syal sutra",
        "mangkuk jati",
        "kado ibu",
        "lampu rotan",
        "tas batik",
        "teh melati",
        "cobek batu",
        "keramik",
        "dompet",
        "keranjang anyam",
    ],
];

impl Texts {
    /// The phrases of this build. Lines with an unknown topic are passed over; a test says there is none.
    pub(crate) fn load() -> Texts {
        let by_name: HashMap<&str, Topic> = TOPICS.iter().map(|(topic, name)| (*name, *topic)).collect();
        let phrases = FILES.map(|file| {
            let lines = file.lines().filter(|line| !line.starts_with('#'));
            let mut list: Vec<(Topic, &'static str)> = lines
                .filter_map(|line| line.split_once('\t'))
                .filter_map(|(topic, phrase)| Some((*by_name.get(topic)?, phrase.trim())))
                .collect();
            list.sort_by_key(|(topic, _)| *topic as u8);
            list
        });
        let ranges = [0, 1, 2].map(|tongue: usize| {
            let list: &Vec<(Topic, &str)> = &phrases[tongue];
            TOPICS.map(|(topic, _)| {
                let start = list.partition_point(|(other, _)| (*other as u8) < topic as u8);
                let count = list[start..].iter().take_while(|(other, _)| *other == topic).count();
                (start as u16, count as u16)
            })
        });
        Texts { phrases, ranges }
    }

    /// Some text on a topic.
    pub(crate) fn any(&self, dice: &mut Dice, tongue: Tongue, topic: Topic) -> Words {
        let (start, count) = self.ranges[tongue as usize][topic as usize];
        let number = start + dice.below(u64::from(count)) as u16;
        Words { tongue, number, seed: dice.bits() as u32 }
    }

    /// Writes the text out.
    pub(crate) fn write(&self, words: Words, out: &mut String) {
        let (_, phrase) = self.phrases[words.tongue as usize][usize::from(words.number)];
        let mut left = phrase;
        let mut draw = u64::from(words.seed);
        while let Some((before, rest)) = left.split_once('{') {
            out.push_str(before);
            let Some((place, after)) = rest.split_once('}') else { break };
            draw = scramble(draw, 1);
            fill(place, words.tongue, draw, out);
            left = after;
        }
        out.push_str(left);
    }
}

fn fill(place: &str, tongue: Tongue, draw: u64, out: &mut String) {
    let of = |count: usize| (draw % count as u64) as usize;
    match place {
        "name" => out.push_str(NAMES[tongue as usize][of(12)]),
        "product" => out.push_str(PRODUCTS[of(PRODUCTS.len())].1),
        "order" => out.push_str(&format!("T{:06}", draw % 1_000_000)),
        "days" => out.push_str(&(3 + draw % 12).to_string()),
        "email" => out.push_str(&format!("{}@mail.example", MAILBOXES[of(12)])),
        "phone" => match tongue {
            Tongue::Thai => {
                out.push_str(&format!("08{}-{:03}-{:04}", draw % 10, draw / 10 % 1_000, draw / 10_000 % 10_000))
            }
            Tongue::Indonesian => out.push_str(&format!("0812-{:04}-{:04}", draw % 10_000, draw / 10_000 % 10_000)),
            Tongue::English => out.push_str(&format!("+65 8{:03} {:04}", draw % 1_000, draw / 1_000 % 10_000)),
        },
        _ => out.push_str(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};

    const TONGUES: [Tongue; 3] = [Tongue::English, Tongue::Thai, Tongue::Indonesian];

    #[test]
    fn every_language_has_phrases_for_every_topic() {
        let texts = Texts::load();
        for tongue in TONGUES {
            let file = FILES[tongue as usize];
            let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
            assert_eq!(lines, texts.phrases[tongue as usize].len(), "{tongue:?}: a topic is misspelt");
            assert!(lines >= 100, "{tongue:?}: {lines} phrases");
            for (topic, name) in TOPICS {
                assert!(texts.ranges[tongue as usize][topic as usize].1 >= 3, "{tongue:?} {name}");
            }
        }
    }

    #[test]
    fn places_are_filled() {
        let texts = Texts::load();
        let mut dice = Dice::new(3, 3);
        let mut out = String::new();
        for (tongue, (topic, _)) in TONGUES.into_iter().flat_map(|tongue| TOPICS.map(|topic| (tongue, topic))) {
            for _ in 0..30 {
                out.clear();
                texts.write(texts.any(&mut dice, tongue, topic), &mut out);
                assert!(!out.is_empty() && !out.contains(['{', '}']), "{out}");
            }
        }
    }

    /// What the planted truths rest on: a billing complaint is read as one, and nothing else is read as one.
    #[test]
    fn billing_complaints_are_read_as_such_and_nothing_else_is() {
        let texts = Texts::load();
        let scorer = Scorer::embedded().unwrap();
        let mut scratch = Scratch::new();
        let mut wrong = Vec::new();
        for tongue in TONGUES {
            for (number, (topic, phrase)) in texts.phrases[tongue as usize].iter().enumerate() {
                let mut text = String::new();
                texts.write(Words { tongue, number: number as u16, seed: 7 }, &mut text);
                let reading = scorer.read(&text, Language::from_tag(tongue.tag()), &mut scratch);
                let is_billing = reading.topics.contains("billing");
                let is_complaint = reading.friction || reading.label == Label::Negative;
                let is_agents = matches!(topic, Topic::BotHello | Topic::AgentAsk | Topic::AgentSolve);
                let fits = match topic {
                    Topic::Billing => is_billing && is_complaint,
                    Topic::Checkout => true,
                    _ => is_agents || !is_billing,
                };
                if !fits {
                    wrong.push(format!("{} {}: {phrase}", tongue.tag(), topic.tag()));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Feelings are planted too: the reader should find most of them.
    #[test]
    fn feelings_are_mostly_read_as_meant() {
        let texts = Texts::load();
        let scorer = Scorer::embedded().unwrap();
        let mut scratch = Scratch::new();
        for tongue in TONGUES {
            let (mut right, mut all) = (0, 0);
            for (number, (topic, _)) in texts.phrases[tongue as usize].iter().enumerate() {
                let meant = match topic {
                    Topic::Praise | Topic::StorePraise | Topic::SocialPraise => Label::Positive,
                    Topic::StillUnhappy | Topic::SocialGrumble | Topic::StoreGrumble | Topic::Service => {
                        Label::Negative
                    }
                    _ => continue,
                };
                let mut text = String::new();
                texts.write(Words { tongue, number: number as u16, seed: 7 }, &mut text);
                let read = scorer.read(&text, Language::from_tag(tongue.tag()), &mut scratch);
                all += 1;
                right += usize::from(read.label == meant);
            }
            assert!(right * 10 >= all * 6, "{tongue:?}: {right} of {all}");
        }
    }
}

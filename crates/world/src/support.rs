//! What people say to the shop and about it: conversations, reviews, surveys, mentions, comments, words left at a shop.

use crumbtrail_events::Kind;
use crumbtrail_events::vocabulary::{Author, Channel, Scale};

use crate::DAYS;
use crate::catalogue::PRODUCTS;
use crate::dice::Dice;
use crate::plan::{Entry, HOUR, MINUTE, Named, Person, Plan, SECOND, moment};
use crate::texts::{Texts, Topic, Words};

/// Complaints of customers who stay, with their weights.
const MATTERS: [(Topic, u32); 9] = [
    (Topic::Question, 300),
    (Topic::Delivery, 230),
    (Topic::Quality, 130),
    (Topic::Billing, 70),
    (Topic::Checkout, 60),
    (Topic::Login, 60),
    (Topic::Service, 40),
    (Topic::Price, 40),
    (Topic::Onboarding, 30),
];

/// What leavers without a billing problem complained of; `None` of nothing.
const OTHER_REASONS: [(Option<Topic>, u32); 5] = [
    (Some(Topic::Delivery), 30),
    (Some(Topic::Quality), 22),
    (Some(Topic::Service), 12),
    (Some(Topic::Price), 10),
    (None, 26),
];

/// Everything a customer says who stays.
pub(crate) fn of_customer(plan: &mut Plan, dice: &mut Dice, person: Person, texts: &Texts) {
    for _ in 0..dice.geometric(5, 6) {
        let (topic, _) = MATTERS[dice.weighted(MATTERS.iter().map(|(_, weight)| *weight))];
        let day = dice.between(2, DAYS - 6);
        let at = moment(dice, person.city, day, (8, 20));
        converse(plan, dice, person, at, topic, false, texts);
    }
    if dice.chance(380) {
        review(plan, dice, person, texts);
    }
    if dice.chance(360) {
        let day = dice.between(3, DAYS - 2);
        let at = moment(dice, person.city, day, (9, 21));
        let (scale, rating, words) = match dice.below(10) {
            0..4 => (Scale::Nps, [10, 10, 9, 9, 9, 8, 8, 7, 6, 3][dice.index(10)], None),
            4..8 => (Scale::Csat, [5, 5, 5, 4, 4, 4, 3, 2][dice.index(8)], None),
            _ => (Scale::Ces, [7, 6, 6, 5, 5, 4, 3][dice.index(7)], Some(Topic::Suggestion)),
        };
        survey(plan, dice, person, at, (rating, scale), words, texts);
    }
    if dice.chance(90) {
        mention(plan, dice, person, texts);
    }
}

/// A stranger now and then mentions the shop, or leaves a comment.
pub(crate) fn of_stranger(plan: &mut Plan, dice: &mut Dice, person: Person, texts: &Texts) {
    if dice.chance(55) {
        mention(plan, dice, person, texts);
    }
    if dice.chance(30) {
        let day = dice.between(2, DAYS - 2);
        let at = moment(dice, person.city, day, (9, 22));
        let topic = if dice.chance(600) { Topic::Question } else { Topic::Praise };
        let words = texts.any(dice, person.tongue, topic);
        let product = dice.index(PRODUCTS.len()) as u16;
        let named = Named::Device(person.number);
        let entry =
            Entry { product: Some(product), ..entry(dice, person, at, named, Channel::CommentOnSite, Some(words)) };
        plan.tally.conversations += 1;
        plan.entries.push(entry);
    }
}

/// What somebody says who leaves on day `last`: perhaps a complaint within the weeks before, then a survey.
pub(crate) fn of_leaver(
    plan: &mut Plan,
    dice: &mut Dice,
    person: Person,
    last: i64,
    has_billing: bool,
    is_satisfied: bool,
    texts: &Texts,
) {
    let reason = if has_billing {
        Some(Topic::Billing)
    } else {
        OTHER_REASONS[dice.weighted(OTHER_REASONS.iter().map(|(_, weight)| *weight))].0
    };
    if let Some(topic) = reason {
        let day = last - dice.between(7, 40);
        let at = moment(dice, person.city, day, (8, 18));
        converse(plan, dice, person, at, topic, true, texts);
    }
    let rating = if is_satisfied { 4 + dice.below(2) as u8 } else { 1 + dice.below(3) as u8 };
    let day = last - dice.between(1, 2);
    let at = moment(dice, person.city, day, (9, 20));
    survey(plan, dice, person, at, (rating, Scale::Csat), None, texts);
}

/// Words left at a shop, on its channel.
pub(crate) fn at_store(plan: &mut Plan, dice: &mut Dice, person: Person, store: u8, at: i64, texts: &Texts) {
    let (topic, stars) = if dice.chance(780) { (Topic::StorePraise, 5) } else { (Topic::StoreGrumble, 2) };
    let words = texts.any(dice, person.tongue, topic);
    let named = Named::Customer(person.number);
    let entry = Entry {
        kind: Kind::SupportRating,
        rating: Some((stars, Scale::Stars)),
        store: Some(store),
        ..entry(dice, person, at, named, Channel::Store, Some(words))
    };
    plan.tally.conversations += 1;
    plan.entries.push(entry);
}

/// What most entries have in common: a customer's message.
fn entry(dice: &mut Dice, person: Person, at: i64, named: Named, channel: Channel, words: Option<Words>) -> Entry {
    Entry {
        at,
        travel_ms: 80 + dice.below(3_000) as u32,
        conversation: 0,
        named,
        channel,
        author: Author::Customer,
        kind: Kind::SupportMessage,
        words,
        rating: None,
        tells_language: dice.chance(850),
        tongue: person.tongue,
        agent: 0,
        product: None,
        store: None,
        tag: "",
        city: person.city,
    }
}

fn review(plan: &mut Plan, dice: &mut Dice, person: Person, texts: &Texts) {
    let day = dice.between(3, DAYS - 2);
    let at = moment(dice, person.city, day, (9, 22));
    let (topic, stars) = match dice.below(100) {
        0..64 => (Topic::Praise, 4 + dice.below(2) as u8),
        64..76 => (Topic::Meh, 3),
        76..90 => (Topic::Quality, 1 + dice.below(2) as u8),
        _ => (Topic::Delivery, 1 + dice.below(3) as u8),
    };
    let words = texts.any(dice, person.tongue, topic);
    let product = dice.index(PRODUCTS.len()) as u16;
    let entry = Entry {
        kind: Kind::SupportRating,
        rating: Some((stars, Scale::Stars)),
        product: Some(product),
        tells_language: true,
        ..entry(dice, person, at, Named::Customer(person.number), Channel::Review, Some(words))
    };
    *plan.tally.reviews.entry(person.tongue.tag()).or_default() += 1;
    plan.tally.text(topic);
    plan.tally.conversations += 1;
    plan.entries.push(entry);
}

fn survey(
    plan: &mut Plan,
    dice: &mut Dice,
    person: Person,
    at: i64,
    rating: (u8, Scale),
    topic: Option<Topic>,
    texts: &Texts,
) {
    let words = topic.map(|topic| texts.any(dice, person.tongue, topic));
    let entry = Entry {
        kind: Kind::SupportRating,
        rating: Some(rating),
        ..entry(dice, person, at, Named::Customer(person.number), Channel::Survey, words)
    };
    plan.tally.conversations += 1;
    plan.entries.push(entry);
}

fn mention(plan: &mut Plan, dice: &mut Dice, person: Person, texts: &Texts) {
    let day = dice.between(2, DAYS - 2);
    let at = moment(dice, person.city, day, (7, 23));
    let topic = if dice.chance(560) { Topic::SocialPraise } else { Topic::SocialGrumble };
    let words = texts.any(dice, person.tongue, topic);
    let entry = Entry {
        kind: Kind::SupportMention,
        ..entry(dice, person, at, Named::Handle(person.number), Channel::Social, Some(words))
    };
    plan.tally.conversations += 1;
    plan.entries.push(entry);
}

/// A conversation being written.
struct Talk<'p> {
    plan: &'p mut Plan,
    dice: &'p mut Dice,
    person: Person,
    channel: Channel,
    number: u32,
    agent: u8,
    at: i64,
    /// Longest silence between two entries, minutes.
    pause_min: i64,
    tag: &'static str,
    tells_language: bool,
}

impl Talk<'_> {
    fn say(&mut self, author: Author, kind: Kind, words: Option<Words>) {
        let mut entry =
            entry(self.dice, self.person, self.at, Named::Customer(self.person.number), self.channel, words);
        entry.conversation = self.number;
        entry.author = author;
        entry.kind = kind;
        entry.tag = self.tag;
        entry.tells_language |= self.tells_language;
        if author == Author::Agent {
            entry.agent = self.agent;
        }
        self.plan.entries.push(entry);
        self.at += self.dice.between(20 * SECOND, self.pause_min * MINUTE);
    }

    fn customer(&mut self, texts: &Texts, topic: Topic) {
        let words = texts.any(self.dice, self.person.tongue, topic);
        self.say(Author::Customer, Kind::SupportMessage, Some(words));
    }

    fn agent(&mut self, texts: &Texts, topic: Topic) {
        let words = texts.any(self.dice, self.person.tongue, topic);
        self.say(Author::Agent, Kind::SupportMessage, Some(words));
    }
}

/// One conversation about a topic. Of a leaver's no rating is asked: their last survey comes later.
fn converse(plan: &mut Plan, dice: &mut Dice, person: Person, at: i64, topic: Topic, is_leaver: bool, texts: &Texts) {
    let (channel, pause_min) = match dice.below(100) {
        0..52 => (Channel::Chat, 5),
        52..74 => (Channel::Ticket, 420),
        74..90 => (Channel::SupportEmail, 500),
        _ => (Channel::Phone, 3),
    };
    plan.conversations += 1;
    plan.tally.conversations += 1;
    plan.tally.text(topic);
    let number = plan.conversations;
    let agent = 1 + dice.below(24) as u8;
    let mut talk =
        Talk { plan, dice, person, channel, number, agent, at, pause_min, tag: topic.tag(), tells_language: is_leaver };
    let first = texts.any(talk.dice, person.tongue, topic);
    if channel == Channel::Chat {
        talk.say(Author::Customer, Kind::SupportOpened, None);
        let hello = texts.any(talk.dice, person.tongue, Topic::BotHello);
        talk.say(Author::Bot, Kind::SupportMessage, Some(hello));
        talk.say(Author::Customer, Kind::SupportMessage, Some(first));
    } else {
        talk.say(Author::Customer, Kind::SupportOpened, Some(first));
    }
    talk.say(Author::System, Kind::SupportAssigned, None);
    talk.agent(texts, Topic::AgentAsk);
    talk.customer(texts, Topic::Details);
    if talk.dice.chance(170) {
        // Handed over to a colleague.
        talk.agent = 1 + talk.agent % 24;
        talk.say(Author::System, Kind::SupportAssigned, None);
        talk.agent(texts, Topic::AgentAsk);
    }
    talk.agent(texts, Topic::AgentSolve);
    let is_content = talk.dice.chance(if topic == Topic::Question { 920 } else { 640 });
    talk.customer(texts, if is_content { Topic::Thanks } else { Topic::StillUnhappy });
    if !is_content && talk.dice.chance(250) {
        return;
    }
    talk.say(Author::Agent, Kind::SupportResolved, None);
    if !is_content && talk.dice.chance(400) {
        talk.say(Author::Customer, Kind::SupportReopened, None);
        talk.customer(texts, Topic::StillUnhappy);
        talk.agent(texts, Topic::AgentSolve);
        talk.say(Author::Agent, Kind::SupportResolved, None);
    }
    if !is_leaver && talk.dice.chance(450) {
        rate(&mut talk, is_content);
    }
    if talk.dice.chance(600) {
        talk.at += HOUR;
        talk.say(Author::System, Kind::SupportClosed, None);
    }
}

fn rate(talk: &mut Talk<'_>, is_content: bool) {
    let rating = if is_content { [5, 5, 5, 4, 4, 3] } else { [1, 1, 2, 2, 3, 4] }[talk.dice.index(6)];
    talk.say(Author::Customer, Kind::SupportRating, None);
    if let Some(entry) = talk.plan.entries.last_mut() {
        entry.rating = Some((rating, Scale::Csat));
    }
}

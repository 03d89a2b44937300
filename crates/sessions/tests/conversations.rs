//! What a partition says of support entries: replies, resolutions, ratings, feeling; settled and reopened conversations.

mod scene;

use crumbtrail_events::vocabulary::{Author, Channel};
use crumbtrail_events::{Key, Kind, Outcome, Touchpoint};
use crumbtrail_sessions::{RuleBook, Rules};
use proptest::prelude::*;
use scene::{Scene, Talk};

const HOUR: i64 = 3_600_000;

fn scene() -> Scene {
    Scene::new(RuleBook { default: Rules { lateness_ms: HOUR, ..Rules::default() }, ..RuleBook::default() })
}

fn case<'a>(kind: Kind, author: Author) -> impl Fn(&mut Touchpoint<'a>) {
    move |t| {
        t.head.kind = kind;
        t.head.key = Key::conversation("shop", "case-1");
        (t.conversation, t.author, t.channel, t.visitor, t.customer) = ("case-1", author, Channel::Chat, "", "ann");
    }
}

/// One entry of the story below.
type Told = (i64, fn(&mut Touchpoint<'_>));

/// A whole case: opened, answered by an automaton, then an agent, resolved, reopened, resolved, rated.
const STORY: [Told; 10] = [
    (0, |t| case(Kind::SupportOpened, Author::Customer)(t)),
    (10, |t| {
        case(Kind::SupportMessage, Author::Customer)(t);
        (t.text, t.score, t.topics, t.friction) = ("it does not arrive", Some(-0.5), 0b01, true);
    }),
    (20, |t| case(Kind::SupportMessage, Author::Bot)(t)),
    (30, |t| {
        case(Kind::SupportMessage, Author::Agent)(t);
        (t.agent, t.department) = ("bob", "delivery");
    }),
    (40, |t| case(Kind::SupportResolved, Author::Agent)(t)),
    (50, |t| {
        case(Kind::SupportMessage, Author::Customer)(t);
        (t.text, t.score, t.topics) = ("still not!", Some(-0.9), 0b10);
    }),
    (60, |t| case(Kind::SupportReopened, Author::System)(t)),
    (70, |t| {
        case(Kind::SupportMessage, Author::Agent)(t);
        (t.agent, t.department) = ("cat", "escalation");
    }),
    (80, |t| case(Kind::SupportResolved, Author::Agent)(t)),
    (90, |t| {
        case(Kind::SupportRating, Author::Customer)(t);
        (t.rating, t.text, t.score) = (Some(4.0), "thanks", Some(0.8));
    }),
];

fn told() -> Talk {
    Talk {
        span: (0, 90),
        first_reply: Some(30),
        first_resolved: Some(40),
        resolved: Some(80),
        reopen_count: 1,
        messages: [2, 2, 1],
        agent_count: 2,
        ratings: [Some(4.0); 2],
        scores: [Some(-0.5), Some(0.8), Some(-0.9)],
        topics: 0b11,
        friction_count: 1,
        status: "resolved",
        person: Key::customer("shop", "ann"),
        department: "escalation".to_owned(),
    }
}

#[test]
fn a_case_tells_its_story() {
    let mut scene = scene();
    for (at, change) in STORY {
        assert_eq!(scene.send(at, change), Outcome::Counted);
    }
    scene.tick(90);
    assert_eq!(scene.talks()["case-1"], (false, told()));
    assert_eq!((scene.state.open_sessions(), scene.state.open_conversations()), (0, 1));
    scene.tick(90 + 25 * HOUR);
    assert!(!scene.talks()["case-1"].0, "the silence must be longer than gap and lateness");
    scene.tick(91 + 25 * HOUR);
    assert_eq!(scene.talks()["case-1"], (true, told()));
    assert_eq!(scene.state.open_conversations(), 0);
}

#[test]
fn a_settled_case_goes_on_from_its_summary() {
    let mut scene = scene();
    for (at, change) in STORY {
        scene.send(at, change);
    }
    scene.tick(91 + 25 * HOUR);
    let late = scene.send(100, |t| case(Kind::SupportMessage, Author::Customer)(t));
    assert_eq!(late, Outcome::Late);
    let at = 80 * 24 * HOUR;
    assert_eq!(scene.send(at, |t| case(Kind::SupportReopened, Author::Customer)(t)), Outcome::Counted);
    scene.tick(at);
    let again = Talk { span: (0, at), reopen_count: 2, resolved: None, status: "open", ..told() };
    assert_eq!(scene.talks()["case-1"], (false, again.clone()));
    assert_eq!(scene.state.open_conversations(), 1);
    scene.tick(at + 26 * HOUR);
    assert_eq!(scene.talks()["case-1"], (true, again));
    scene.tick(at + 91 * 24 * HOUR);
    let mut bytes = Vec::new();
    scene.state.save(&mut bytes);
    assert!(bytes.len() < 24, "nothing is remembered after 90 days");
}

#[test]
fn without_an_id_a_day_of_silence_ends_a_conversation_and_channels_are_apart() {
    let entry = |channel| {
        move |t: &mut Touchpoint<'_>| {
            t.head.kind = Kind::SupportMessage;
            t.head.key = Key::customer("shop", "ann");
            (t.visitor, t.customer, t.channel) = ("", "ann", channel);
        }
    };
    let mut scene = scene();
    scene.send(0, entry(Channel::Chat));
    scene.send(24 * HOUR, entry(Channel::Chat));
    scene.send(1, entry(Channel::Phone));
    scene.send(48 * HOUR + 1, entry(Channel::Chat));
    scene.tick(1);
    let spans = |scene: &Scene| {
        let mut spans: Vec<_> = scene.talks().into_values().map(|(_, talk)| talk.span).collect();
        spans.sort_unstable();
        spans
    };
    assert_eq!(spans(&scene), [(0, 24 * HOUR), (1, 1), (48 * HOUR + 1, 48 * HOUR + 1)]);
    // An entry between the two joins them; the row of the second is taken back.
    scene.send(36 * HOUR, entry(Channel::Chat));
    scene.tick(2);
    assert_eq!(spans(&scene), [(0, 48 * HOUR + 1), (1, 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just((0..STORY.len()).collect::<Vec<_>>()).prop_shuffle(),
        ticks in proptest::collection::vec(any::<bool>(), STORY.len()),
    ) {
        let mut scene = scene();
        for (n, tick) in order.into_iter().zip(ticks) {
            let (at, change) = STORY[n];
            prop_assert_eq!(scene.send(at, change), Outcome::Counted);
            if tick {
                scene.tick(HOUR);
                let mut bytes = Vec::new();
                scene.state.save(&mut bytes);
                let book = RuleBook { default: Rules { lateness_ms: HOUR, ..Rules::default() }, ..RuleBook::default() };
                scene.state = crumbtrail_sessions::Sessions::load(book, &bytes).unwrap();
            }
        }
        scene.tick(91 + 25 * HOUR);
        prop_assert_eq!(&scene.talks()["case-1"], &(true, told()));
    }
}

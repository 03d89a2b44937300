//! What a partition says of support entries: replies, resolutions, ratings, feeling; settled and reopened conversations.

mod scene;

use crumbtrail_events::vocabulary::{Author, Channel, Says, Scale};
use crumbtrail_events::{Key, Kind, Outcome, Touchpoint};
use crumbtrail_sessions::{Hours, Limits, Policy, RuleBook, Rules, Zone};
use proptest::prelude::*;
use scene::{Scene, Talk};

const HOUR: i64 = 3_600_000;

fn scene() -> Scene {
    Scene::new(RuleBook {
        default: Rules { limits: Limits { lateness_ms: HOUR, ..Limits::default() }, ..Rules::default() },
        ..RuleBook::default()
    })
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
        (t.says, t.dislikes, t.frictions) = (Says::Complaint, 0b01, 0b10_0000_0000);
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
        (t.says, t.dislikes) = (Says::Complaint, 0b10);
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
        (t.says, t.likes) = (Says::Praise, 0b10);
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
        sets: [0b11, 0b10, 0b11, 0b10_0000_0000],
        counts: [1, 0, 2, 0, 1],
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
fn a_case_tells_how_the_service_did() {
    let mut scene = scene();
    for (at, change) in STORY {
        scene.send(at, change);
    }
    scene.tick(90);
    let told = scene.service("case-1");
    assert_eq!(told.business, [Some(30), Some(40), Some(80)], "without opening hours all time is business time");
    // Opened at 0, answered at 30 (not by the automaton at 20); 50 to 70; the agent waited from 30 to the resolution.
    assert_eq!((told.waits, told.awaiting), ([50, 50, 20], ("", None)));
    assert_eq!((told.touch_class, told.changes, told.department_count), ("two", [1, 1, 0], 2));
    assert_eq!((told.due, told.breached), ([None; 2], [None; 2]));
    assert_eq!(told.score_trend, Some(0.65), "the slope of -0.5, -0.9, 0.8");
}

#[test]
fn promises_are_kept_or_broken_to_the_millisecond_and_in_business_time() {
    // Open on Mondays from 09:00 to 17:00 in Bangkok; a reply is due within an hour of that.
    let zone = Zone::named("Asia/Bangkok").expect("a zone");
    let hours = Hours::parse(zone, ["09:00-17:00", "", "", "", "", "", ""], []).expect("hours");
    let policy = Policy { first_reply_ms: Some(HOUR), in_business_hours: true, ..Policy::default() };
    let resolved = Policy { priority: "urgent".into(), resolution_ms: Some(HOUR), ..Policy::default() };
    let default = Rules { hours, policies: vec![resolved, policy], ..Rules::default() };
    // Monday 2026-03-02, 16:30 in Bangkok; half an hour later it closes until Monday next.
    let opened = 1_772_443_800_000;
    let due = opened + 7 * 24 * HOUR - 7 * HOUR;
    for (late, is_breached) in [(-1, false), (0, false), (1, true)] {
        let mut scene = Scene::new(RuleBook { default: default.clone(), ..RuleBook::default() });
        scene.send(opened, |t| case(Kind::SupportOpened, Author::Customer)(t));
        scene.tick(opened);
        let open = scene.service("case-1");
        assert_eq!((open.due, open.breached), ([Some(due), None], [None; 2]));
        assert_eq!(open.awaiting, ("agent", Some(opened)), "unanswered contacts show as such");
        scene.send(due + late, |t| case(Kind::SupportMessage, Author::Agent)(t));
        scene.tick(due + late);
        let told = scene.service("case-1");
        assert_eq!((told.breached[0], told.business[0]), (Some(is_breached), Some(HOUR + late)));
        assert_eq!(told.waits[..2], [due + late - opened, HOUR + late]);
        assert_eq!(told.awaiting, ("customer", Some(due + late)), "and close on reply");
    }
    let mut scene = Scene::new(RuleBook { default, ..RuleBook::default() });
    scene.send(opened, |t| {
        case(Kind::SupportOpened, Author::Customer)(t);
        t.priority = "urgent";
    });
    scene.send(opened + HOUR + 1, |t| case(Kind::SupportResolved, Author::Agent)(t));
    scene.tick(opened + HOUR + 1);
    let told = scene.service("case-1");
    assert_eq!((told.due[1], told.breached), (Some(opened + HOUR), [None, Some(true)]));
    assert_eq!(told.touch_class, "none", "resolved without a word");
}

#[test]
fn a_review_or_mention_is_a_contact_that_waits_for_a_reply() {
    for (channel, kind) in [(Channel::Review, Kind::SupportRating), (Channel::Social, Kind::SupportMention)] {
        let mut scene = scene();
        scene.send(1, |t| {
            case(kind, Author::Customer)(t);
            (t.channel, t.text, t.rating, t.scale) = (channel, "never again", Some(1.0), Scale::Stars);
        });
        scene.tick(1);
        assert_eq!(scene.service("case-1").awaiting, ("agent", Some(1)));
        scene.send(5, |t| {
            case(Kind::SupportMessage, Author::Bot)(t);
            t.channel = channel;
        });
        scene.send(9, |t| {
            case(Kind::SupportMessage, Author::Agent)(t);
            t.channel = channel;
        });
        scene.tick(9);
        assert_eq!(scene.talks()["case-1"].1.first_reply, Some(9), "an automaton's is none");
        assert_eq!((scene.service("case-1").waits[0], scene.service("case-1").surveys[0]), (8, Some(1.0)));
    }
}

#[test]
fn a_rating_without_words_waits_for_a_reply_where_it_is_how_the_contact_began() {
    for channel in [Channel::Review, Channel::Survey, Channel::CommentOnSite] {
        let mut scene = scene();
        scene.send(1, |t| {
            case(Kind::SupportRating, Author::Customer)(t);
            (t.channel, t.rating, t.scale) = (channel, Some(1.0), Scale::Stars);
        });
        scene.tick(1);
        assert_eq!(scene.service("case-1").awaiting, ("agent", Some(1)));
        scene.send(9, |t| {
            case(Kind::SupportMessage, Author::Agent)(t);
            t.channel = channel;
        });
        scene.tick(9);
        assert_eq!((scene.talks()["case-1"].1.first_reply, scene.service("case-1").waits[0]), (Some(9), 8));
        assert_eq!(scene.talks()["case-1"].1.messages, [0, 1, 0]);
    }
    // A survey in a case that began elsewhere is a verdict on it, and so is the score given in a chat.
    for channel in [Channel::Survey, Channel::Chat] {
        let mut scene = scene();
        scene.send(1, |t| case(Kind::SupportMessage, Author::Customer)(t));
        scene.send(2, |t| case(Kind::SupportMessage, Author::Agent)(t));
        scene.send(3, |t| {
            case(Kind::SupportRating, Author::Customer)(t);
            (t.channel, t.rating, t.scale) = (channel, Some(9.0), Scale::Nps);
        });
        scene.tick(3);
        let told = scene.service("case-1");
        assert_eq!((told.awaiting, told.surveys[1]), (("customer", Some(2)), Some(9.0)));
    }
}

#[test]
fn what_is_said_after_a_resolution_makes_nobody_wait_until_it_is_reopened() {
    for end in [Kind::SupportResolved, Kind::SupportClosed] {
        let mut scene = scene();
        scene.send(0, |t| case(Kind::SupportMessage, Author::Customer)(t));
        scene.send(10, |t| case(Kind::SupportMessage, Author::Agent)(t));
        scene.send(20, |t| case(end, Author::Agent)(t));
        let nobody = |scene: &mut Scene, at: i64, author: Author| {
            scene.send(at, |t| case(Kind::SupportMessage, author)(t));
            scene.tick(at);
            assert_eq!(scene.service("case-1").awaiting, ("", None));
        };
        nobody(&mut scene, 30, Author::Customer); // thanks
        nobody(&mut scene, 40, Author::Agent); // you're welcome
        nobody(&mut scene, 50, Author::Customer); // it is broken again
        scene.send(60, |t| case(end, Author::System)(t));
        nobody(&mut scene, 70, Author::Customer);
        assert_eq!(scene.service("case-1").waits, [10, 10, 10], "of what was said before the end");
        scene.send(80, |t| case(Kind::SupportReopened, Author::System)(t));
        scene.tick(80);
        assert_eq!(
            scene.service("case-1").awaiting,
            ("agent", Some(70)),
            "since their first word that nobody answered"
        );
    }
}

#[test]
fn a_close_without_a_resolution_keeps_the_promise_or_breaks_it() {
    let policy = Policy { resolution_ms: Some(HOUR), ..Policy::default() };
    let book = RuleBook { default: Rules { policies: vec![policy], ..Rules::default() }, ..RuleBook::default() };
    for (late, is_breached) in [(-1, false), (0, false), (1, true)] {
        let mut scene = Scene::new(book.clone());
        let mut tell = |at, kind, author| {
            scene.send(at, |t| case(kind, author)(t));
            scene.tick(at);
            let told = scene.service("case-1");
            (told.due[1], told.breached[1])
        };
        assert_eq!(tell(0, Kind::SupportMessage, Author::Customer), (Some(HOUR), None));
        tell(1, Kind::SupportMessage, Author::Agent);
        let closed = (Some(HOUR), Some(is_breached));
        assert_eq!(tell(HOUR + late, Kind::SupportClosed, Author::System), closed);
        assert_eq!(tell(3 * HOUR, Kind::SupportRating, Author::Customer), closed, "whatever comes after it");
        assert_eq!(tell(3 * HOUR + 1, Kind::SupportClosed, Author::System), closed);
        assert_eq!(tell(3 * HOUR + 2, Kind::SupportReopened, Author::Customer), (Some(HOUR), None));
        assert_eq!(tell(3 * HOUR + 3, Kind::SupportClosed, Author::Agent), (Some(HOUR), Some(true)));
    }
}

#[test]
fn an_edited_entry_counts_as_it_was_received_first() {
    for turn in [false, true] {
        let mut scene = scene();
        let mut two = [("as sent", 20, -0.5), ("edited", 30, 0.5)];
        if turn {
            two.reverse();
        }
        for (n, (text, received_at, score)) in two.into_iter().enumerate() {
            let judged = scene.send_as(10, 7, |t| {
                case(Kind::SupportMessage, Author::Customer)(t);
                (t.text, t.received_at, t.score) = (text, received_at, Some(score));
            });
            assert_eq!(judged, if n == 0 { Outcome::Counted } else { Outcome::Duplicate });
            scene.tick(10);
        }
        assert_eq!(scene.talks()["case-1"].1.scores[0], Some(-0.5));
    }
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
    scene.state.save(&mut bytes).unwrap();
    assert!(bytes.len() < 32, "nothing is remembered after 90 days");
}

#[test]
fn an_id_that_comes_back_after_the_memory_is_another_conversation() {
    const MEMORY: i64 = 90 * 24 * HOUR;
    let send = |scene: &mut Scene, at| scene.send(at, |t| case(Kind::SupportMessage, Author::Customer)(t));
    for (silence, is_another) in [(MEMORY - 1, false), (MEMORY, false), (MEMORY + 1, true)] {
        let told = |is_final| match is_another {
            false => vec![(0, silence, is_final)],
            true => vec![(0, 0, true), (silence, silence, is_final)],
        };
        // The watermark when the second entry comes, after ticks on the way there or at once: up to the last at which it is in time.
        for watermark in [25 * HOUR + 1, silence, silence + HOUR] {
            for ticks in [1, 2, 97] {
                let mut scene = scene();
                assert_eq!(send(&mut scene, 0), Outcome::Counted);
                (1..=ticks).for_each(|n| scene.tick(watermark / ticks * n));
                scene.tick(watermark);
                let mut bytes = Vec::new();
                scene.state.save(&mut bytes).unwrap();
                scene.state = crumbtrail_sessions::Sessions::load(scene.book.clone(), &bytes).expect("its own bytes");
                assert_eq!(send(&mut scene, silence), Outcome::Counted);
                scene.tick(watermark);
                assert_eq!(scene.spans(), told(false), "{silence} ms of silence, {watermark}, {ticks} ticks");
                scene.tick(silence + 26 * HOUR);
                assert_eq!(scene.spans(), told(true));
                assert_eq!(scene.state.open_conversations(), 0);
            }
        }
        let mut reversed = scene();
        for at in [silence, 0] {
            send(&mut reversed, at);
            reversed.tick(0);
        }
        reversed.tick(silence + 26 * HOUR);
        assert_eq!(reversed.spans(), told(true), "the later entry first");
    }
}

#[test]
fn an_entry_between_makes_one_of_two_conversations_of_an_id_and_an_earlier_one_moves_the_key() {
    let mut scene = scene();
    let send = |scene: &mut Scene, at| scene.send(at, |t| case(Kind::SupportMessage, Author::Customer)(t));
    let days = |days: i64| days * 24 * HOUR;
    send(&mut scene, days(10));
    send(&mut scene, days(110));
    scene.tick(days(9));
    assert_eq!(scene.spans(), [(days(10), days(10), false), (days(110), days(110), false)]);
    send(&mut scene, days(60));
    scene.tick(days(9));
    assert_eq!(scene.spans(), [(days(10), days(110), false)], "the row of the second is taken back");
    send(&mut scene, days(9));
    scene.tick(days(9));
    assert_eq!(scene.spans(), [(days(9), days(110), false)], "and so is one that began later");
    assert_eq!(scene.state.open_conversations(), 1);
}

/// Two entries of one moment: the one that begins the row turns out to be of another time, a memory later, and the other one
/// begins that very row now. (Found by a million cases of the order test.)
#[test]
fn a_row_that_another_entry_of_that_moment_begins_stands() {
    const MEMORY: i64 = 48 * HOUR;
    let (later, limits) =
        (11 + MEMORY, Limits { lateness_ms: HOUR, conversation_memory_ms: MEMORY, ..Limits::default() });
    let said = |scene: &mut Scene, at: i64, id: u64, received_at: i64| {
        scene.send_as(at, id, |t| {
            case(Kind::SupportMessage, Author::Customer)(t);
            (t.device_at, t.received_at) = (at + i64::from(id == 2), received_at);
        })
    };
    for ticks in [false, true] {
        let default = Rules { limits, ..Rules::default() };
        let mut scene = Scene::new(RuleBook { default, ..RuleBook::default() });
        let maybe = |scene: &mut Scene| {
            if ticks {
                scene.tick(0)
            }
        };
        said(&mut scene, 10, 2, 10);
        maybe(&mut scene);
        said(&mut scene, 10, 1, 10);
        maybe(&mut scene);
        assert_eq!(said(&mut scene, later, 1, 9), Outcome::Duplicate);
        scene.tick(0);
        assert_eq!(scene.spans(), [(10, 10, false), (later, later, false)], "ticks: {ticks}");
        scene.tick(later + 26 * HOUR);
        assert_eq!(scene.spans(), [(10, 10, true), (later, later, true)], "ticks: {ticks}");
    }
}

#[test]
fn other_rules_of_the_memory_cut_what_is_open_anew() {
    let mut scene = scene();
    let send = |scene: &mut Scene, at| scene.send(at, |t| case(Kind::SupportMessage, Author::Customer)(t));
    let days = |days: i64| days * 24 * HOUR;
    let memory = |n: i64| move |book: &mut RuleBook| book.default.limits.conversation_memory_ms = days(n);
    send(&mut scene, 0);
    scene.tick(days(20));
    send(&mut scene, days(20));
    scene.tick(days(20));
    assert_eq!(scene.spans(), [(0, days(20), false)]);
    scene.change(memory(19));
    scene.tick(days(20));
    assert_eq!(scene.spans(), [(0, 0, true), (days(20), days(20), false)], "the first is final, and forgotten");
    scene.change(memory(30));
    scene.tick(days(20) + 1);
    assert_eq!(scene.spans(), [(0, 0, true), (days(20), days(20), false)]);
    assert_eq!(send(&mut scene, days(10)), Outcome::Late, "it could have been of the one that is forgotten");
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
                scene.state.save(&mut bytes).unwrap();
                let book = RuleBook { default: Rules { limits: Limits { lateness_ms: HOUR, ..Limits::default() }, ..Rules::default() }, ..RuleBook::default() };
                scene.state = crumbtrail_sessions::Sessions::load(book, &bytes).unwrap();
            }
        }
        scene.tick(91 + 25 * HOUR);
        prop_assert_eq!(&scene.talks()["case-1"], &(true, told()));
    }
}

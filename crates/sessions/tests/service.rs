//! How the service did: from when its clocks run, which ratings count, and what ends a case and opens it again.

mod scene;

use crumbtrail_events::vocabulary::{Author, Channel, Scale};
use crumbtrail_events::{Key, Kind, Touchpoint};
use crumbtrail_sessions::{Hours, Policy, RuleBook, Rules, Zone};
use scene::{Scene, Service, Talk};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const AUTHORS: [Author; 4] = [Author::Customer, Author::Agent, Author::Bot, Author::System];

/// One case on one channel, and who said what in it.
struct Case {
    scene: Scene,
    channel: Channel,
}

impl Case {
    /// Of a service that promises a reply within half an hour and a resolution within one.
    fn on(channel: Channel) -> Case {
        Case::within(Hours::default(), channel)
    }

    fn within(hours: Hours, channel: Channel) -> Case {
        let policy = Policy {
            first_reply_ms: Some(HOUR / 2),
            resolution_ms: Some(HOUR),
            in_business_hours: hours != Hours::default(),
            ..Policy::default()
        };
        let default = Rules { hours, policies: vec![policy], ..Rules::default() };
        Case { scene: Scene::new(RuleBook { default, ..RuleBook::default() }), channel }
    }

    fn send<'a>(&mut self, at: i64, author: Author, kind: Kind, change: impl FnOnce(&mut Touchpoint<'a>)) -> &mut Case {
        self.scene.send(at, |t| {
            t.head.key = Key::conversation("shop", "case-1");
            (t.conversation, t.visitor, t.customer) = ("case-1", "", "ann");
            (t.head.kind, t.author, t.channel) = (kind, author, self.channel);
            change(t);
        });
        self
    }

    /// An entry without a text.
    fn tell(&mut self, at: i64, author: Author, kind: Kind) -> &mut Case {
        self.send(at, author, kind, |_| {})
    }

    /// One with.
    fn say(&mut self, at: i64, author: Author, kind: Kind) -> &mut Case {
        self.send(at, author, kind, |t| t.text = "words")
    }

    /// A rating without a word.
    fn rate(&mut self, at: i64, author: Author, rating: f32, scale: Scale) -> &mut Case {
        self.send(at, author, Kind::SupportRating, |t| (t.rating, t.scale) = (Some(rating), scale))
    }

    fn talk(&mut self) -> Talk {
        self.scene.tick(0);
        self.scene.talks()["case-1"].1.clone()
    }

    fn service(&mut self) -> Service {
        self.scene.tick(0);
        self.scene.service("case-1")
    }
}

/// Office hours from 09:00 to 17:00 on Mondays in Bangkok.
fn mondays() -> Hours {
    Hours::parse(Zone::named("Asia/Bangkok").expect("a zone"), ["09:00-17:00", "", "", "", "", "", ""], [])
        .expect("hours")
}

/// Monday 2026-03-02, 09:00 in Bangkok.
const OPENS: i64 = 1_772_416_800_000;

#[test]
fn without_a_word_of_the_customer_nothing_is_promised() {
    let mut call = Case::on(Channel::Phone);
    call.tell(0, Author::Agent, Kind::SupportOpened).say(1, Author::Agent, Kind::SupportMessage);
    call.say(2, Author::Bot, Kind::SupportMessage).tell(3, Author::System, Kind::SupportAssigned);
    let told = call.service();
    assert_eq!((told.due, told.breached, told.awaiting), ([None; 2], [None; 2], ("customer", Some(1))));
    call.tell(9 * HOUR, Author::Agent, Kind::SupportResolved);
    let told = call.service();
    assert_eq!((told.due, told.breached, told.business[0]), ([None; 2], [None; 2], None));
    assert_eq!(call.talk().first_reply, None);
    // Nine hours later they speak after all.
    call.tell(10 * HOUR, Author::Customer, Kind::SupportReopened);
    let told = call.service();
    assert_eq!(told.due, [Some(10 * HOUR + HOUR / 2), Some(11 * HOUR)], "having it opened again is a word");
    assert_eq!(told.awaiting, ("agent", Some(10 * HOUR)));
}

#[test]
fn the_clocks_run_from_the_customers_first_word_and_not_from_a_greeting() {
    for (late, is_late) in [(-1, false), (0, false), (1, true)] {
        let mut chat = Case::on(Channel::Chat);
        chat.say(0, Author::Bot, Kind::SupportMessage).say(HOUR, Author::Customer, Kind::SupportMessage);
        let (reply, end) = (HOUR + HOUR / 2 + late, 2 * HOUR + late);
        chat.say(reply, Author::Agent, Kind::SupportMessage).tell(end, Author::Agent, Kind::SupportResolved);
        let told = chat.service();
        assert_eq!(told.due, [Some(HOUR + HOUR / 2), Some(2 * HOUR)]);
        assert_eq!((told.breached, told.business[0]), ([Some(is_late); 2], Some(HOUR / 2 + late)));
        assert_eq!(chat.talk().span.0, 0, "the conversation begins with its first entry all the same");
    }
}

#[test]
fn business_time_runs_from_the_customers_first_word() {
    for (word, passed) in [(-1, 10), (0, 10), (1, 9)] {
        let mut chat = Case::within(mondays(), Channel::Chat);
        chat.say(OPENS - 30 * MINUTE, Author::Bot, Kind::SupportMessage);
        chat.say(OPENS + word, Author::Customer, Kind::SupportMessage);
        chat.say(OPENS + 10, Author::Agent, Kind::SupportMessage);
        let (told, due) = (chat.service(), OPENS + word.max(0));
        assert_eq!(told.business[0], Some(passed), "{word}");
        assert_eq!(told.due, [Some(due + HOUR / 2), Some(due + HOUR)], "{word}");
    }
}

#[test]
fn a_reply_comes_after_the_word_it_replies_to() {
    for (at, first_reply) in [(9, None), (10, Some(10)), (11, Some(11))] {
        let mut chat = Case::on(Channel::Chat);
        chat.send(10, Author::Customer, Kind::SupportMessage, |t| t.head.id = 1);
        chat.send(at, Author::Agent, Kind::SupportMessage, |t| t.head.id = 2);
        assert_eq!(chat.talk().first_reply, first_reply);
        assert_eq!(chat.service().business[0], first_reply.map(|reply| reply - 10));
        assert_eq!(chat.service().due[0], Some(10 + HOUR / 2));
    }
}

#[test]
fn a_rating_is_a_first_word_where_contacts_begin_with_one() {
    for channel in [Channel::Review, Channel::Survey, Channel::Social, Channel::CommentOnSite] {
        let mut asked = Case::on(channel);
        asked.say(0, Author::System, Kind::SupportMessage).rate(HOUR, Author::Customer, 2.0, Scale::Stars);
        asked.say(HOUR + 7, Author::Agent, Kind::SupportMessage);
        let told = asked.service();
        assert_eq!((told.due[0], told.business[0]), (Some(HOUR + HOUR / 2), Some(7)), "{channel:?}");
    }
    let mut call = Case::on(Channel::Phone);
    call.say(0, Author::Agent, Kind::SupportMessage).rate(1, Author::Customer, 2.0, Scale::Stars);
    assert_eq!(call.service().due, [None; 2], "a verdict on a call asks for nothing");
}

#[test]
fn a_rating_off_its_scale_is_none() {
    for (scale, least, most, of) in [
        (Scale::Csat, 1.0f32, 5.0f32, 0),
        (Scale::Stars, 1.0, 5.0, 0),
        (Scale::Nps, 0.0, 10.0, 1),
        (Scale::Ces, 1.0, 7.0, 2),
    ] {
        let given = [least.next_down(), least, most, most.next_up(), -1.0, 11.0, 0.0];
        for rating in given {
            let mut case = Case::on(Channel::Survey);
            case.rate(0, Author::Customer, rating, scale);
            let held = (least..=most).contains(&rating).then_some(rating);
            assert_eq!(case.service().surveys[of], held, "{rating} of {scale:?}");
            assert_eq!(case.talk().ratings, [held; 2], "{rating} of {scale:?}");
            assert_eq!(case.service().awaiting, ("agent", Some(0)), "a contact nevertheless");
        }
        let mut case = Case::on(Channel::Chat);
        case.rate(0, Author::Customer, 11.0, scale).rate(1, Author::Customer, most, scale);
        case.rate(2, Author::Customer, least, scale).rate(3, Author::Customer, -1.0, scale);
        assert_eq!((case.talk().ratings, case.service().surveys[of]), ([Some(most), Some(least)], Some(least)));
        assert_eq!(case.service().rating, (Some(least - most), "good_to_bad"));
    }
    let mut case = Case::on(Channel::Chat);
    case.rate(0, Author::Customer, 80.0, Scale::None);
    assert_eq!((case.talk().ratings, case.service().surveys), ([Some(80.0); 2], [None; 3]), "of no scale we know");
}

#[test]
fn a_rating_is_the_customers_own_or_what_a_survey_tool_sends_of_it() {
    for author in AUTHORS {
        let mut case = Case::on(Channel::Chat);
        case.say(0, Author::Customer, Kind::SupportMessage).rate(1, author, 5.0, Scale::Csat);
        let held = matches!(author, Author::Customer | Author::System).then_some(5.0);
        assert_eq!((case.talk().ratings, case.service().surveys[0]), ([held; 2], held), "{author:?}");
    }
}

#[test]
fn opened_anew_is_reopened() {
    for end in [Kind::SupportResolved, Kind::SupportClosed] {
        for author in AUTHORS {
            let told = [Kind::SupportReopened, Kind::SupportOpened].map(|again| {
                let mut case = Case::on(Channel::SupportEmail);
                case.say(0, Author::Customer, Kind::SupportMessage).say(10, Author::Agent, Kind::SupportMessage);
                case.tell(20, Author::Agent, end).tell(30, author, again);
                let open = (case.talk(), case.service());
                case.say(40, Author::Agent, Kind::SupportMessage).tell(50, Author::Agent, Kind::SupportResolved);
                (open, case.talk(), case.service())
            });
            assert_eq!(told[0], told[1], "{end:?} {author:?}");
            let ((open, waits), over, service) = &told[1];
            assert_eq!((open.status, open.resolved, open.reopen_count), ("open", None, 1));
            assert_eq!((waits.awaiting, waits.touch_class), (("agent", Some(30)), ""));
            assert_eq!((over.status, over.resolved, over.reopen_count), ("resolved", Some(50), 1));
            assert_eq!((service.touch_class, service.business[2]), ("two", Some(50)));
        }
    }
}

#[test]
fn a_case_is_reopened_only_behind_its_end() {
    for again in [Kind::SupportReopened, Kind::SupportOpened] {
        for (at, reopened) in [(19, 0), (20, 1), (21, 1)] {
            let mut case = Case::on(Channel::Ticket);
            case.say(0, Author::Customer, Kind::SupportOpened);
            case.send(20, Author::Agent, Kind::SupportResolved, |t| t.head.id = 1);
            case.send(at, Author::Customer, again, |t| t.head.id = 2);
            let talk = case.talk();
            assert_eq!((talk.reopen_count, talk.resolved), (reopened, (reopened == 0).then_some(20)), "{again:?} {at}");
        }
    }
    let mut case = Case::on(Channel::Ticket);
    case.say(0, Author::Customer, Kind::SupportOpened).say(1, Author::Agent, Kind::SupportMessage);
    case.tell(2, Author::System, Kind::SupportReopened);
    assert_eq!((case.talk().reopen_count, case.service().awaiting), (0, ("agent", Some(2))), "there was no end");
    case.tell(3, Author::System, Kind::SupportClosed);
    for at in 4..7 {
        case.tell(at, Author::System, Kind::SupportReopened);
        assert_eq!(case.talk().reopen_count, 1);
    }
}

#[test]
fn an_end_with_a_text_of_a_human_agent_is_a_reply() {
    for (end, touches) in [(Kind::SupportResolved, ["one", "none"]), (Kind::SupportClosed, ["", ""])] {
        for (late, is_late) in [(-1, false), (0, false), (1, true)] {
            let at = HOUR / 2 + late;
            let mut mail = Case::on(Channel::SupportEmail);
            mail.say(0, Author::Customer, Kind::SupportMessage).say(at, Author::Agent, end);
            let (talk, told) = (mail.talk(), mail.service());
            assert_eq!((talk.first_reply, talk.messages), (Some(at), [1, 1, 0]));
            assert_eq!((told.breached[0], told.touch_class), (Some(is_late), touches[0]));
            assert_eq!((told.waits, told.awaiting), ([at, at, 0], ("", None)));
        }
        let mut mail = Case::on(Channel::SupportEmail);
        mail.say(0, Author::Customer, Kind::SupportMessage).tell(10, Author::Agent, end);
        assert_eq!((mail.talk().first_reply, mail.service().touch_class), (None, touches[1]), "without a word");
        for author in [Author::Customer, Author::Bot, Author::System] {
            let mut mail = Case::on(Channel::SupportEmail);
            mail.say(0, Author::Customer, Kind::SupportMessage).say(10, author, end);
            let talk = mail.talk();
            assert_eq!((talk.first_reply, talk.messages), (None, [1, 0, 0]), "{author:?}");
        }
        let mut call = Case::on(Channel::Phone);
        call.tell(0, Author::Agent, Kind::SupportOpened).say(10, Author::Agent, end);
        assert_eq!((call.talk().first_reply, call.service().breached), (None, [None; 2]), "to nobody's word");
    }
}

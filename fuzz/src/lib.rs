//! What the targets share: intake as production builds it, and what must hold of whatever it makes of a record.

use std::cell::RefCell;
use std::sync::Arc;

use crumbtrail_enrich::keyring::{Key, Keyring};
use crumbtrail_enrich::{Enricher, Rules};
use crumbtrail_events::touchpoint::Asides;
use crumbtrail_events::avro::{CLICK_SCHEMA, Plan, SUPPORT_SCHEMA, Target};
use crumbtrail_events::{EventTime, Outcome, Reject, Touchpoint};
use crumbtrail_intake::{Decoder, Hold, Input, Intake, Schemas, Settings, SourceShape};
use crumbtrail_sentiment::Scorer;
use crumbtrail_sessions::rows::{ConversationRow, SessionRow};
use crumbtrail_sessions::{Out, RuleBook, Sessions};

/// A registry that gives our own schemas under every id.
struct OurSchemas([Arc<Plan>; 2]);

impl Schemas for OurSchemas {
    fn plan(&mut self, _: u32, target: Target) -> Result<Result<Arc<Plan>, Reject>, Hold> {
        Ok(Ok(self.0[usize::from(target == Target::Support)].clone()))
    }
}

/// Takes rows and forgets them.
pub struct Nowhere;

impl Out for Nowhere {
    fn session(&mut self, _: &SessionRow<'_>) {}
    fn conversation(&mut self, _: &ConversationRow<'_>) {}
}

fn intake() -> Intake {
    let plans = [(CLICK_SCHEMA, Target::Click), (SUPPORT_SCHEMA, Target::Support)]
        .map(|(schema, target)| Arc::new(Plan::compile(schema, target).expect("our own schema")));
    let decoder = Decoder::new(Box::new(OurSchemas(plans)), [7; 16]).expect("our own schemas");
    let keys = Keyring::new(&[Key::new(*b"a key of a shop.", 0)], 0).expect("a key that is long enough");
    let enricher = Enricher::new(Arc::new(Rules::default()), None, Some(keys));
    let scorer = Arc::new(Scorer::when_needed());
    Intake::new(decoder, enricher, scorer, Settings::default())
}

thread_local! {
    static INTAKE: RefCell<Intake> = RefCell::new(intake());
}

/// A record goes through intake and the cutting of sessions: it ends in an outcome, what is made of it can be read, and it
/// is counted or told why not.
pub fn record(shape: SourceShape, payload: &[u8]) {
    INTAKE.with_borrow_mut(|intake| {
        let arrived_at = 1_750_000_000_000;
        let input = Input {
            shape,
            site: "shop",
            topic: "clicks",
            partition: 1,
            offset: 2,
            origin: 3,
            file: "file",
            payload: Some(payload),
            arrived_at,
            filed_at: arrived_at,
        };
        let mut out = Vec::new();
        let decided = intake.judge(&input, &mut out, &mut Asides::default()).expect("no registry to wait for");
        assert_eq!(decided.outcome == Outcome::Dead, intake.rejection().is_some());
        let touchpoint = Touchpoint::decode(&out).expect("what intake writes can be read");
        assert_eq!((touchpoint.head.outcome, touchpoint.head.key), (decided.outcome, decided.key));
        let mut sessions = Sessions::new(RuleBook::default());
        let judged = sessions.touchpoint(&out, EventTime::MIN, &mut Nowhere).expect("what intake writes can be read");
        assert_eq!(judged.outcome, decided.outcome, "a first record is neither late nor a repeat");
        sessions.tick(EventTime(arrived_at), arrived_at, &mut Nowhere);
        let mut state = Vec::new();
        sessions.save(&mut state);
        Sessions::load(RuleBook::default(), &state).expect("a state that was saved can be loaded");
    });
}

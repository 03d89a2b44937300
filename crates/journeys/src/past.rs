//! What of a person is folded for good.

use crumbtrail_events::wire::{Reader, WireError};

use crate::rules::JourneyRules;
use crate::snapshot::Stored;
use crate::state::State;

/// What is folded of touchpoints that cannot change hands any more. Most people have been away for long: of them it is the same as
/// their base, and kept once.
#[derive(Debug, Default)]
pub(crate) enum Past {
    /// Before the first.
    #[default]
    Nothing,
    /// The same as the base.
    Base,
    Own(Box<State>),
}

impl Past {
    /// The state to fold into; whoever folded the base anew has [parted](Past::part) it from that.
    pub(crate) fn own(&mut self, rules: &JourneyRules) -> &mut State {
        if self.is_nothing() {
            *self = Past::Own(Box::new(State::new(rules)));
        }
        match self {
            Past::Own(state) => state,
            Past::Nothing | Past::Base => unreachable!("a refold parts past and base"),
        }
    }

    /// The state, if it is not the base's.
    pub(crate) fn state(&self) -> Option<&State> {
        match self {
            Past::Own(state) => Some(state),
            Past::Nothing | Past::Base => None,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Past::Nothing)
    }

    /// The base is about to change.
    pub(crate) fn part(&mut self, base: &State) {
        if matches!(self, Past::Base) {
            *self = Past::Own(Box::new(base.clone()));
        }
    }

    /// Nothing is kept beside it: whether it is the same as the base now.
    pub(crate) fn join(&mut self, base: &State) -> bool {
        if self.state().is_some_and(|state| state == base) {
            *self = Past::Base;
        }
        matches!(self, Past::Base)
    }
}

impl Stored for Past {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Past::Nothing => out.push(0),
            Past::Own(state) => {
                out.push(1);
                state.put(out);
            }
            Past::Base => out.push(2),
        }
    }
    fn get(reader: &mut Reader<'_>) -> Result<Past, WireError> {
        match reader.u8()? {
            0 => Ok(Past::Nothing),
            1 => State::get(reader).map(|state| Past::Own(Box::new(state))),
            2 => Ok(Past::Base),
            _ => Err(WireError::Malformed("unknown kind of past")),
        }
    }
}

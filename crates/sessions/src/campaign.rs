//! When a touch belongs to another campaign than the session it falls into.
//!
//! A touch is a *campaign's* if it tells a medium, a campaign or an advertising click. Two are of the same campaign if
//! source, medium and name agree; click ids differ with every click, so their kind alone is compared, and only where
//! medium and name are missing. Excluded referrers (payment providers) and internal ones are no touches at all: intake
//! leaves their channel empty. A direct entry overwrites nothing: the session's touch is the first that is not direct.

use crate::attributes::{self, Touch};
use crate::intern::{Interner, Symbol};
use crumbtrail_events::vocabulary::Channel;

/// Whether a touch says where the visitor came from: a direct entry does not.
pub(crate) fn says_whence(touch: Symbol, interner: &Interner) -> bool {
    !touch.is_none() && attributes::channel(touch, interner) != Channel::Direct
}

/// Whether `touch` is a campaign's and another one's than `held`, the session's own. A session that came directly, so
/// that it holds none, takes the campaign as its own.
pub(crate) fn is_another(held: Symbol, touch: Symbol, interner: &Interner) -> bool {
    if held.is_none() || touch.is_none() || held == touch {
        return false;
    }
    let touch = attributes::touch(touch, interner);
    is_campaign(&touch) && name(&attributes::touch(held, interner)) != name(&touch)
}

fn is_campaign(touch: &Touch<'_>) -> bool {
    !(touch.medium.is_empty() && touch.campaign.is_empty() && touch.click_id.is_empty())
}

/// What tells two campaigns apart.
fn name<'a>(touch: &Touch<'a>) -> [&'a str; 3] {
    if touch.medium.is_empty() && touch.campaign.is_empty() {
        [touch.source, "", touch.click_id.split('=').next().unwrap_or_default()]
    } else {
        [touch.source, touch.medium, touch.campaign]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Reading;
    use crate::fields::Click;
    use crumbtrail_events::Touchpoint;

    fn touch(interner: &mut Interner, channel: Channel, [source, medium, campaign, click_id]: [&str; 4]) -> Symbol {
        let touchpoint = Touchpoint { channel, source, medium, campaign, click_id, ..Touchpoint::default() };
        let mut bytes = Vec::new();
        touchpoint.encode(&mut bytes);
        let click = Click::find(&bytes).unwrap();
        let event = Reading::default().click(&touchpoint.head, &click, Symbol::NONE, interner);
        interner.part(event.detail(interner), 0)
    }

    #[test]
    fn only_another_campaign_is_another() {
        let interner = &mut Interner::new();
        let spring = touch(interner, Channel::PaidSearch, ["google", "cpc", "spring", "gclid=1"]);
        let again = touch(interner, Channel::PaidSearch, ["google", "cpc", "spring", "gclid=2"]);
        let summer = touch(interner, Channel::PaidSearch, ["google", "cpc", "summer", ""]);
        let search = touch(interner, Channel::OrganicSearch, ["google", "", "", ""]);
        let click = touch(interner, Channel::PaidSearch, ["google", "", "", "gclid=3"]);
        let other_click = touch(interner, Channel::PaidSearch, ["google", "", "", "gclid=4"]);
        let direct = touch(interner, Channel::Direct, [""; 4]);
        // A payment provider comes without a channel.
        let payment = touch(interner, Channel::None, ["paypal", "referral", "checkout", ""]);
        assert!(is_another(spring, summer, interner) && is_another(search, spring, interner));
        assert!(!is_another(spring, again, interner), "another click on the same campaign");
        assert!(!is_another(click, other_click, interner) && is_another(click, summer, interner));
        assert!(!is_another(spring, search, interner), "a search engine is no campaign");
        assert!(!is_another(spring, direct, interner) && !is_another(spring, payment, interner));
        assert!(!is_another(Symbol::NONE, spring, interner), "a session that came directly takes it as its own");
        assert!(payment.is_none() && !says_whence(direct, interner) && says_whence(search, interner));
    }
}

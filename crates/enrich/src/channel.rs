//! Referrer, campaign and click id to a channel, by rules that are data (`data/channels.txt` ships the order that
//! marketers know). Every decision can say which rule made it.

mod explain;
pub mod referrer;
mod rules;

use std::sync::OnceLock;

pub use explain::{Explanation, explain};
pub use rules::{ChannelRules, Decision, RulesError};

use crate::query::Parameters;
use crate::sources::{Class, Source, Sources};

/// The rules and the sources they speak of.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// The rules.
    pub rules: ChannelRules,
    /// Known sources.
    pub sources: Sources,
}

/// The shipped rules; a file of one's own has the same format.
pub const SHIPPED: &str = include_str!("../data/channels.txt");

impl Book {
    /// The shipped rules and sources, read once.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the shipped rules are read by one.
    #[must_use]
    pub fn shipped() -> &'static Book {
        static BOOK: OnceLock<Book> = OnceLock::new();
        BOOK.get_or_init(|| Book {
            rules: ChannelRules::read(SHIPPED).expect("the shipped channel rules are sound"),
            sources: Sources::shipped().clone(),
        })
    }

    /// Rules of one's own: `source` lines add to the shipped sources; `mark` and `channel` lines, if there are any,
    /// stand in place of all shipped ones.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn read(text: &str) -> Result<Book, RulesError> {
        let mut book = Book::shipped().clone();
        let mut has_rules = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            match line.strip_prefix("source ") {
                Some(source) => book.sources.add_line(source).map_err(|what| RulesError { line: number + 1, what })?,
                None => has_rules |= !line.is_empty() && !line.starts_with('#'),
            }
        }
        if has_rules {
            book.rules = ChannelRules::read(text)?;
        }
        Ok(book)
    }
}

/// Where a page was reached from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Referrer {
    /// No referrer.
    #[default]
    Absent,
    /// The site itself.
    Internal,
    /// A payment provider, sign-in page or configured exception: the visit goes on as it was.
    Excluded,
    /// Another site; its source if known.
    External(Source),
}

/// What is known of how a visitor came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clues<'a> {
    /// Whether a campaign or click id is given.
    pub is_campaign: bool,
    /// Campaign source as given.
    pub source: &'a str,
    /// Campaign medium as given, or the one a click id stands for.
    pub medium: &'a str,
    /// Campaign name.
    pub campaign: &'a str,
    /// The known source the campaign's source or click id names.
    pub known: Source,
    /// The referrer.
    pub referrer: Referrer,
}

impl<'a> Clues<'a> {
    /// The clues of a landing page: what its URL says (`told`: source, medium and campaign, decoded) and its referrer.
    pub(crate) fn of(
        parameters: &Parameters<'_>,
        is_campaign: bool,
        (source, medium, campaign): (&'a str, &'a str, &'a str),
        referrer: Referrer,
        sources: &Sources,
    ) -> Clues<'a> {
        let click = parameters.click;
        let known = match click {
            _ if !is_campaign => Source::default(),
            _ if !source.is_empty() => sources.by_name(source),
            Some(click) => match referrer {
                Referrer::External(referrer) => click.source_by(referrer),
                _ => click.source,
            },
            None => Source::default(),
        };
        let medium = if medium.is_empty() { click.map_or("", |click| click.medium) } else { medium };
        Clues { is_campaign, source, medium, campaign, known, referrer }
    }

    /// Whether the visit comes back from where it was excluded to come from: whatever the URL says, it goes on as it was.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.referrer == Referrer::Excluded || (self.is_campaign && self.known.class == Class::Payment)
    }

    /// The one name of the campaign's source, however it was written; `source`, as given, where none is known.
    #[inline]
    pub(crate) fn folded<'b>(&self, source: &'b str) -> &'b str {
        if source.is_empty() || self.known.name.is_empty() { source } else { self.known.name }
    }

    /// The class of the campaign's source; of the referrer where the campaign names none.
    #[must_use]
    pub fn class(&self) -> Class {
        match self.referrer {
            Referrer::External(referrer) if self.known.class == Class::Unknown && self.source.is_empty() => {
                referrer.class
            }
            _ => self.known.class,
        }
    }
}

/// The source's one name: that by which the campaign's source is known (`facebook` for `fb`), else what the campaign calls it;
/// where it names none the click id's, the referrer's known name or its host.
pub(crate) fn source_name<'a>(
    parameters: &Parameters<'_>,
    clues: &Clues<'_>,
    source: &'a str,
    referrer_host: &'a str,
) -> &'a str {
    match (parameters.click, clues.referrer) {
        _ if !source.is_empty() => clues.folded(source),
        (Some(_), _) => clues.known.name,
        (None, Referrer::External(source)) if !source.name.is_empty() => source.name,
        (None, Referrer::External(_)) => referrer_host,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::vocabulary::Channel;

    fn channel(clues: &Clues<'_>) -> Channel {
        Book::shipped().rules.decide(clues).channel
    }

    fn campaign(source: &str, medium: &str, name: &str) -> Channel {
        let known = Sources::shipped().by_name(source);
        channel(&Clues { is_campaign: true, source, medium, campaign: name, known, referrer: Referrer::Absent })
    }

    #[test]
    fn campaigns_fall_into_the_groups_in_order() {
        for (source, medium, name, expected) in [
            ("google", "cpc", "summer", Channel::PaidSearch),
            ("Google", "CPC", "", Channel::PaidSearch),
            ("google", "cpc", "pmax cross-network", Channel::CrossNetwork),
            ("google", "cpc", "google shopping th", Channel::PaidShopping),
            ("google", "cpc", "workshop invitation", Channel::PaidSearch),
            ("shopee", "cpas", "", Channel::PaidShopping),
            ("facebook", "paid_social", "", Channel::PaidSocial),
            ("ig", "paidsocial", "", Channel::PaidSocial),
            ("Facebook_Mobile_Feed", "Paid", "", Channel::PaidSocial),
            ("Instagram_Stories", "paid", "", Channel::PaidSocial),
            ("line_oa", "broadcast", "", Channel::OrganicSocial),
            ("lineoa", "message", "", Channel::OrganicSocial),
            ("crm", "line_oa", "", Channel::OrganicSocial),
            ("shop", "LINE", "", Channel::OrganicSocial),
            ("tiktok_shop", "", "", Channel::OrganicShopping),
            ("LINE", "cpc", "", Channel::PaidSocial),
            ("youtube", "cpv", "", Channel::PaidVideo),
            ("youtube", "cpc", "", Channel::PaidVideo),
            ("tiktok", "paid", "", Channel::PaidVideo),
            ("partner", "display", "", Channel::Display),
            ("partner", "interstitial", "", Channel::Display),
            ("partner", "cpm", "", Channel::Display),
            ("facebook", "cpm", "", Channel::PaidSocial),
            ("partner", "cpa", "", Channel::PaidOther),
            ("criteo", "retargeting", "", Channel::PaidOther),
            ("partner", "ppc", "", Channel::PaidOther),
            ("tokopedia", "store", "", Channel::OrganicShopping),
            ("facebook", "post", "", Channel::OrganicSocial),
            ("partner", "social", "", Channel::OrganicSocial),
            ("pantip", "", "", Channel::OrganicSocial),
            ("partner", "video", "", Channel::OrganicVideo),
            ("chatgpt.com", "", "", Channel::AiAssistant),
            ("google", "organic", "", Channel::OrganicSearch),
            ("google", "", "", Channel::OrganicSearch),
            ("newsletter", "email", "", Channel::Email),
            ("newsletter", "", "", Channel::Email),
            ("facebook", "email", "", Channel::OrganicSocial),
            ("partner", "email", "", Channel::Email),
            ("mailchimp", "", "", Channel::Email),
            ("accesstrade", "affiliate", "", Channel::Affiliate),
            ("spotify", "audio", "", Channel::Audio),
            ("sms", "", "", Channel::Sms),
            ("shop", "SMS", "", Channel::Sms),
            ("shop", "webpush", "", Channel::Push),
            ("firebase", "", "", Channel::Push),
            ("shop", "app_notification", "", Channel::Push),
            ("partner", "referral", "", Channel::Referral),
            ("brochure", "qr", "", Channel::Referral),
        ] {
            assert_eq!(campaign(source, medium, name), expected, "{source} / {medium} / {name}");
        }
    }

    #[test]
    fn without_a_campaign_the_referrer_decides() {
        let from = |referrer| channel(&Clues { referrer, ..Clues::default() });
        let host = |host| Referrer::External(Sources::shipped().at_host(host));
        assert_eq!(from(Referrer::Absent), Channel::Direct);
        assert_eq!(from(Referrer::Internal), Channel::None);
        assert_eq!(from(Referrer::Excluded), Channel::None);
        for (name, expected) in [
            ("www.google.co.th", Channel::OrganicSearch),
            ("l.facebook.com", Channel::OrganicSocial),
            ("m.youtube.com", Channel::OrganicVideo),
            ("shopee.co.th", Channel::OrganicShopping),
            ("chatgpt.com", Channel::AiAssistant),
            ("mail.google.com", Channel::Email),
            ("blog.example", Channel::Referral),
        ] {
            assert_eq!(from(host(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_return_from_a_payment_provider_is_no_touch_whatever_the_url_says() {
        let back = Clues { is_campaign: true, source: "x", medium: "cpc", ..Clues::default() };
        assert_eq!(channel(&back), Channel::PaidOther);
        assert_eq!(channel(&Clues { referrer: Referrer::Excluded, ..back }), Channel::None);
        for name in ["paypal", "PayPal", "midtrans", "checkout.stripe.com"] {
            assert_eq!(campaign(name, "referral", "checkout"), Channel::None, "{name}");
        }
    }

    #[test]
    fn the_paid_medium_rule_is_the_published_expression() {
        for medium in ["cpc", "xcpy", "ppc", "retargeting", "paid", "paid-social", "cp"] {
            assert_eq!(campaign("partner", medium, ""), Channel::PaidOther, "{medium}");
        }
        for medium in ["", "ppcx", "xppc", "unpaid", "retargeting2", "organic"] {
            assert_ne!(campaign("partner", medium, ""), Channel::PaidOther, "{medium}");
        }
    }

    #[test]
    fn a_file_of_ones_own_adds_sources_and_may_replace_the_rules() {
        let book = Book::read("# ours\nsource search petalhunt ph: petalhunt.example\n").unwrap();
        assert_eq!(book.sources.at_host("www.petalhunt.example").name, "petalhunt");
        assert_eq!(book.sources.by_name("PH").class, Class::Search);
        assert_eq!(book.rules, Book::shipped().rules);
        let book = Book::read("source social google: google.*\nchannel display: class is social").unwrap();
        let from_google =
            Clues { referrer: Referrer::External(book.sources.at_host("www.google.de")), ..Clues::default() };
        assert_eq!(book.rules.decide(&from_google).channel, Channel::Display);
        assert_eq!(Book::read("\nsource x").unwrap_err().line, 2);
        assert_eq!(Book::read("source paper x: y.example").unwrap_err().line, 1);
    }
}

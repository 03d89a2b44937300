//! Why a page reached from somewhere has the channel it has.

use std::fmt;

use crumbtrail_events::vocabulary::Channel;

use super::{Book, Clues, Decision, Referrer, referrer};
use crate::query::{Parameters, decoded};
use crate::site::SiteRules;
use crate::sources::Class;
use crate::url;

/// A decision with everything it rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// The channel; none when the page was not reached from outside.
    pub channel: Channel,
    /// Source as it will stand in the row.
    pub source: String,
    /// Medium given.
    pub medium: String,
    /// Campaign given.
    pub campaign: String,
    /// The rule that decided, with its line, or why no rule was asked.
    pub rule: String,
    /// What was found on the way, a sentence each.
    pub found: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = if self.channel == Channel::None { "(no touch)" } else { self.channel.as_str() };
        writeln!(f, "channel   {channel}")?;
        for (name, value) in [("source", &self.source), ("medium", &self.medium), ("campaign", &self.campaign)] {
            if !value.is_empty() {
                writeln!(f, "{name:<9} {value}")?;
            }
        }
        writeln!(f, "because   {}", self.rule)?;
        for found in &self.found {
            writeln!(f, "          {found}")?;
        }
        Ok(())
    }
}

/// Explains the channel of a view of `page` reached from `from` (URLs; the second may be empty).
#[must_use]
pub fn explain(page: &str, from: &str, site: &SiteRules, book: &Book) -> Explanation {
    let parts = url::split(page);
    let parameters = Parameters::of_url(&parts);
    let (mut host, mut referrer_host) = (String::new(), String::new());
    let host = url::host_name(parts.host, &mut host);
    let referrer_host = url::host_name(url::host(from), &mut referrer_host);
    let (judged, because) = referrer::judge(referrer_host, host, site, &book.sources);
    let text = |raw: &str| decoded(raw, &mut String::new()).to_owned();
    let (source, medium, campaign) = (text(parameters.source), text(parameters.medium), text(parameters.campaign));
    let mut found = Vec::new();
    let is_campaign = parameters.is_campaign();
    let clues = Clues::of(&parameters, is_campaign, (&source, &medium, &campaign), judged, &book.sources);

    if is_campaign {
        let given: Vec<String> = [("source", &source), ("medium", &medium), ("campaign", &campaign)]
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name} {value:?}"))
            .collect();
        if !given.is_empty() {
            found.push(format!("the URL gives {}", given.join(", ")));
        }
        if let Some(click) = parameters.click {
            let stands = if click.medium.is_empty() { "any" } else { click.medium };
            found.push(format!(
                "the URL carries the click id {} of {}, which stands for medium {stands}",
                click.name, click.source.name
            ));
            if source.is_empty() && clues.known != click.source {
                found.push(format!("the referrer is of the same house: the click was on {}", clues.known.name));
            }
        }
    } else {
        found.push("no campaign parameter or click id in the URL".to_owned());
    }
    if referrer_host.is_empty() {
        found.push(because.as_str().to_owned());
    } else {
        found.push(format!("referrer {referrer_host}: {}{}", because.as_str(), known(judged)));
    }
    if is_campaign && judged == Referrer::Excluded {
        found.push("the visit goes on as it was: what the URL says of a campaign does not count".to_owned());
    } else if clues.goes_on() && is_campaign {
        found.push(format!("the campaign's source {source:?} is a payment provider or sign-in page, never a source"));
    } else if is_campaign && !matches!(judged, Referrer::Absent) {
        found.push("the campaign counts before the referrer".to_owned());
    }
    if is_campaign && !clues.goes_on() {
        let name = clues.folded(&source);
        let called = if name == source { String::new() } else { format!(", which is called {name}") };
        found.push(format!("class of the source: {}{called}", clues.class().as_str()));
    }
    let Decision { channel, rule } = book.rules.decide(&clues);
    let rule = match rule.and_then(|rule| book.rules.rule(rule)) {
        Some((line, text)) => format!("line {line} of the channel rules: {text}"),
        None if channel == Channel::None => "the visit did not come from outside: no rule was asked".to_owned(),
        None => "no rule holds".to_owned(),
    };
    if clues.goes_on() {
        return Explanation { channel, rule, found, ..Explanation::default() };
    }
    let source = super::source_name(&parameters, &clues, &source, referrer_host).to_owned();
    Explanation { channel, source, medium, campaign, rule, found }
}

fn known(judged: Referrer) -> String {
    match judged {
        Referrer::External(source) if source.class != Class::Unknown => {
            format!(" ({}, {})", source.name, source.class.as_str())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, from: &str) -> Explanation {
        let site = SiteRules { own_hosts: vec!["shop.example".into()], ..SiteRules::default() };
        explain(url, from, &site, Book::shipped())
    }

    #[test]
    fn a_decision_names_its_rule_and_what_it_rests_on() {
        let why = of("https://shop.example/?gclid=x", "https://www.google.co.th/");
        assert_eq!((why.channel, why.source.as_str()), (Channel::PaidSearch, "google"));
        assert!(why.rule.ends_with("channel paid_search: paid; class is search"), "{}", why.rule);
        let text = why.to_string();
        for part in ["channel   paid_search", "gclid", "class of the source: search", "www.google.co.th"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_source_by_another_name_says_which_it_is() {
        let why = of("https://shop.example/?utm_source=FB&utm_medium=cpc", "");
        assert_eq!(why.source, "facebook");
        assert!(why.to_string().contains("class of the source: social, which is called facebook"), "{why}");
        let why = of("https://shop.example/?UTM_SOURCE=Facebook_Mobile_Feed&UTM_MEDIUM=Paid", "");
        assert_eq!((why.channel, why.source.as_str()), (Channel::PaidSocial, "Facebook_Mobile_Feed"));
    }

    #[test]
    fn a_click_id_of_a_house_is_the_referrers() {
        let why = of("https://shop.example/?fbclid=x", "https://l.instagram.com/").to_string();
        assert!(why.contains("same house: the click was on instagram"), "{why}");
        for (url, from, source) in [
            ("https://shop.example/?fbclid=x", "https://l.instagram.com/", "instagram"),
            ("https://shop.example/?fbclid=x", "https://www.threads.net/", "threads"),
            ("https://shop.example/?igsh=x", "https://l.facebook.com/", "facebook"),
            ("https://shop.example/?fbclid=x", "https://l.facebook.com/", "facebook"),
            ("https://shop.example/?fbclid=x", "", "facebook"),
            ("https://shop.example/?fbclid=x", "https://t.co/", "facebook"),
            ("https://shop.example/?gclid=x", "https://www.youtube.com/", "google"),
            ("https://shop.example/?fbclid=x&utm_source=fb", "https://l.instagram.com/", "facebook"),
        ] {
            let why = of(url, from);
            assert_eq!(why.source, source, "{url} {from}");
        }
    }

    #[test]
    fn no_touch_says_so() {
        for (from, part) in
            [("https://shop.example/cart", "own host"), ("https://www.paypal.com/checkout", "payment provider")]
        {
            let why = of("https://shop.example/", from);
            assert_eq!(why.channel, Channel::None);
            assert!(why.to_string().contains(part) && why.rule.contains("no rule was asked"), "{why}");
        }
        let back = "https://shop.example/thanks?utm_source=paypal&utm_medium=referral&utm_campaign=checkout&gclid=x";
        for (from, part) in [("https://www.paypal.com/checkout", "goes on as it was"), ("", "never a source")] {
            let why = of(back, from);
            assert_eq!((why.channel, why.source.as_str(), why.campaign.as_str()), (Channel::None, "", ""));
            assert!(why.to_string().contains(part), "{why}");
        }
        let direct = of("https://shop.example/", "");
        assert_eq!((direct.channel, direct.source.as_str()), (Channel::Direct, ""));
        assert!(direct.rule.ends_with("channel direct: from is nowhere"), "{}", direct.rule);
    }

    #[test]
    fn every_shipped_rule_is_reached_by_some_touch() {
        let mut seen = std::collections::BTreeSet::new();
        let book = Book::shipped();
        for source in [
            "",
            "google",
            "facebook",
            "youtube",
            "shopee",
            "chatgpt",
            "mailchimp",
            "email",
            "sms",
            "firebase",
            "x-cross-network",
            "partner",
        ] {
            for medium in [
                "",
                "cpc",
                "ppc",
                "paid",
                "display",
                "social",
                "video",
                "organic",
                "email",
                "affiliate",
                "audio",
                "sms",
                "webpush",
                "mobile",
                "line",
                "cross-network",
            ] {
                for campaign in ["", "shopping", "eshop", "cross-network"] {
                    for from in ["", "https://www.google.com/", "https://gmail.com/", "https://forum.example/"] {
                        let known = book.sources.by_name(source);
                        let is_campaign = !(source.is_empty() && medium.is_empty() && campaign.is_empty());
                        let (referrer, _) =
                            referrer::judge(url::host(from), "shop.example", &SiteRules::default(), &book.sources);
                        let clues = Clues { is_campaign, source, medium, campaign, known, referrer };
                        seen.extend(book.rules.decide(&clues).rule);
                    }
                }
            }
        }
        let missed: Vec<_> = (0..)
            .map_while(|rule| book.rules.rule(rule))
            .enumerate()
            .filter(|(n, _)| !seen.contains(&(*n as u16)))
            .collect();
        assert!(missed.is_empty(), "{missed:?}");
    }
}

//! Referrer, campaign and click id to a channel.
//!
//! The groups and their order are those marketers know from GA4, with two differences. Assistants are a group. A medium
//! that says e-mail, affiliate, audio, SMS or push is believed before a source's name is: `facebook / email` is e-mail.

use crumbtrail_events::vocabulary::Channel;

use crate::sources::{Class, Source};

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

/// The channel of a touch; [`Channel::None`] when nothing brought the visitor here from outside.
#[must_use]
pub fn channel(clues: &Clues<'_>) -> Channel {
    if !clues.is_campaign {
        return match clues.referrer {
            Referrer::Absent => Channel::Direct,
            Referrer::Internal | Referrer::Excluded => Channel::None,
            Referrer::External(source) => of_source(source.class).unwrap_or(Channel::Referral),
        };
    }
    let (mut source, mut medium, mut campaign) = ([0; 64], [0; 64], [0; 64]);
    let source = lower(clues.source, &mut source);
    let medium = lower(clues.medium, &mut medium);
    let campaign = lower(clues.campaign, &mut campaign);
    let class = match clues.referrer {
        // A campaign that names no known source: the referrer tells.
        Referrer::External(referrer) if clues.known.class == Class::Unknown && source.is_empty() => referrer.class,
        _ => clues.known.class,
    };
    of_campaign(class, source, medium, campaign).unwrap_or(Channel::Referral)
}

fn of_source(class: Class) -> Option<Channel> {
    Some(match class {
        Class::Shopping => Channel::OrganicShopping,
        Class::Social => Channel::OrganicSocial,
        Class::Video => Channel::OrganicVideo,
        Class::Assistant => Channel::AiAssistant,
        Class::Search => Channel::OrganicSearch,
        Class::Email => Channel::Email,
        Class::Unknown | Class::Payment => return None,
    })
}

/// The groups in order; all texts lower-case.
fn of_campaign(class: Class, source: &[u8], medium: &[u8], campaign: &[u8]) -> Option<Channel> {
    let cross = [source, medium, campaign].iter().any(|text| contains(text, b"cross-network"));
    if cross {
        return Some(Channel::CrossNetwork);
    }
    let shopping = class == Class::Shopping || is_shopping_campaign(campaign);
    let paid = is_paid(medium);
    if paid {
        match class {
            _ if shopping => return Some(Channel::PaidShopping),
            Class::Search => return Some(Channel::PaidSearch),
            Class::Social => return Some(Channel::PaidSocial),
            Class::Video => return Some(Channel::PaidVideo),
            _ => {}
        }
    }
    if matches!(medium, b"display" | b"banner" | b"expandable" | b"interstitial" | b"cpm") {
        return Some(Channel::Display);
    }
    if paid {
        return Some(Channel::PaidOther);
    }
    if let Some(said) = said_by_medium(source, medium) {
        return Some(said);
    }
    if shopping {
        return Some(Channel::OrganicShopping);
    }
    if class == Class::Social || is_social(medium) {
        return Some(Channel::OrganicSocial);
    }
    if class == Class::Video || contains(medium, b"video") {
        return Some(Channel::OrganicVideo);
    }
    if class == Class::Search || medium == b"organic" {
        return Some(Channel::OrganicSearch);
    }
    of_source(class)
}

/// Channels that a medium (or a source that is none but a medium's word) says outright.
fn said_by_medium(source: &[u8], medium: &[u8]) -> Option<Channel> {
    let email = |text: &[u8]| matches!(text, b"email" | b"e-mail" | b"e_mail" | b"e mail" | b"newsletter" | b"edm");
    if email(medium) || (email(source) && !is_social(medium)) {
        return Some(Channel::Email);
    }
    if matches!(medium, b"affiliate" | b"affiliates") {
        return Some(Channel::Affiliate);
    }
    if matches!(medium, b"audio" | b"podcast") {
        return Some(Channel::Audio);
    }
    if medium == b"sms" || source == b"sms" {
        return Some(Channel::Sms);
    }
    if medium.ends_with(b"push")
        || contains(medium, b"mobile")
        || contains(medium, b"notification")
        || source == b"firebase"
    {
        return Some(Channel::Push);
    }
    None
}

/// `^(.*cp.*|ppc|retargeting|paid.*)$`, on lower-case text.
fn is_paid(medium: &[u8]) -> bool {
    contains(medium, b"cp") || medium == b"ppc" || medium == b"retargeting" || medium.starts_with(b"paid")
}

fn is_social(medium: &[u8]) -> bool {
    matches!(
        medium,
        b"social" | b"social-network" | b"social-media" | b"sm" | b"social network" | b"social media" | b"social_media"
    )
}

/// A campaign name with "shopping" in it, or with the word "shop" ("e-shop", "shop now", not "workshop").
fn is_shopping_campaign(campaign: &[u8]) -> bool {
    contains(campaign, b"shopping")
        || memchr::memmem::find_iter(campaign, b"shop")
            .any(|at| at == 0 || !matches!(campaign[at - 1], b'a'..=b'd' | b'f'..=b'z'))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.len() >= part.len() && text.windows(part.len()).any(|window| window == part)
}

/// The first 64 bytes of `text` in lower case.
fn lower<'b>(text: &str, buffer: &'b mut [u8; 64]) -> &'b [u8] {
    let text = text.trim_ascii().as_bytes();
    let len = text.len().min(buffer.len());
    buffer[..len].copy_from_slice(&text[..len]);
    buffer[..len].make_ascii_lowercase();
    &buffer[..len]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Sources;

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
            ("facebook", "email", "", Channel::Email),
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
    fn the_paid_medium_rule_is_the_published_expression() {
        for medium in ["cpc", "xcpy", "ppc", "retargeting", "paid", "paid-social", "cp"] {
            assert!(is_paid(medium.as_bytes()), "{medium}");
        }
        for medium in ["", "ppcx", "xppc", "unpaid", "retargeting2", "organic"] {
            assert!(!is_paid(medium.as_bytes()), "{medium}");
        }
    }
}

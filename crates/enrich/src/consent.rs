//! What may be kept of a person who did not agree: counts, and nothing that makes a profile.

use std::sync::OnceLock;

use crumbtrail_events::Touchpoint;
use memchr::memchr;
use memchr::memmem::Finder;

use crate::url;

/// What a person agreed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Nobody asked, or nobody told us; the deployment decides what that means.
    #[default]
    Untold,
    /// Measuring and a profile.
    Given,
    /// Neither: the event may be counted, no more.
    Refused,
}

impl Consent {
    /// Consent as a source tells it: its own flag, else Google's consent state (`gcs=G1xy`: x advertising, y
    /// analytics) of the URL's query, else untold.
    #[must_use]
    pub fn of(flag: Option<bool>, query: &str) -> Consent {
        match flag {
            Some(true) => Consent::Given,
            Some(false) => Consent::Refused,
            None => crate::query::parameters(query).find(|(name, _)| *name == "gcs").map_or(
                Consent::Untold,
                |(_, value)| match value.as_bytes() {
                    [b'G', b'1', _, b'1', ..] => Consent::Given,
                    [b'G', b'1', _, b'0', ..] => Consent::Refused,
                    _ => Consent::Untold,
                },
            ),
        }
    }

    /// As [`Consent::of`], of a page's URL; cheap for the many that say nothing of consent.
    #[inline]
    #[must_use]
    pub fn of_page(flag: Option<bool>, page: &str) -> Consent {
        static STATE: OnceLock<Finder<'static>> = OnceLock::new();
        let is_told = flag.is_none()
            && memchr(b'?', page.as_bytes()).is_some()
            && STATE.get_or_init(|| Finder::new("gcs=G1")).find(page.as_bytes()).is_some();
        if !is_told {
            return Consent::of(flag, "");
        }
        let parts = url::split(page);
        match Consent::of(flag, parts.query) {
            Consent::Untold => Consent::of(flag, parts.page_query()),
            told => told,
        }
    }

    /// Whether a profile may be kept; `untold`: what silence means.
    #[must_use]
    pub fn allows_profile(self, untold: bool) -> bool {
        match self {
            Consent::Given => true,
            Consent::Refused => false,
            Consent::Untold => untold,
        }
    }
}

/// Takes everything from a touchpoint that tells whose it is or what they wrote; what is left can be counted: site, kind,
/// time, host, page and its labels, channel, source, device class, country, money, robots' indicators. Its key is the caller's
/// business.
pub fn only_counts<'a>(touchpoint: &Touchpoint<'a>) -> Touchpoint<'a> {
    Touchpoint {
        head: touchpoint.head,
        site: touchpoint.site,
        received_at: touchpoint.received_at,
        name: touchpoint.name,
        host: touchpoint.host,
        page: touchpoint.page,
        page_group: touchpoint.page_group,
        content_type: touchpoint.content_type,
        content_topic: touchpoint.content_topic,
        channel: touchpoint.channel,
        source: touchpoint.source,
        medium: touchpoint.medium,
        device: touchpoint.device,
        bot: touchpoint.bot,
        bot_indicators: touchpoint.bot_indicators,
        country: touchpoint.country,
        revenue: touchpoint.revenue,
        currency: touchpoint.currency,
        topic: touchpoint.topic,
        partition: touchpoint.partition,
        offset: touchpoint.offset,
        origin: touchpoint.origin,
        ..Touchpoint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::vocabulary::Channel;

    #[test]
    fn the_flag_counts_before_the_url_and_silence_is_told() {
        assert_eq!(Consent::of(Some(false), "gcs=G111"), Consent::Refused);
        assert_eq!(Consent::of(Some(true), ""), Consent::Given);
        assert_eq!(Consent::of(None, "a=b&gcs=G100"), Consent::Refused);
        assert_eq!(Consent::of(None, "gcs=G101"), Consent::Given);
        for query in ["", "gcs=", "gcs=G1", "gcs=xyz", "gcsx=G100"] {
            assert_eq!(Consent::of(None, query), Consent::Untold, "{query}");
        }
        for (flag, page, expected) in [
            (None, "https://shop.example/?a=b&gcs=G100#x", Consent::Refused),
            (None, "https://shop.example/#/x?gcs=G100", Consent::Refused),
            (None, "https://shop.example/?gcs=G111#/x?gcs=G100", Consent::Given),
            (None, "https://shop.example/?gcs=G111", Consent::Given),
            (Some(true), "https://shop.example/?gcs=G100", Consent::Given),
            (None, "https://shop.example/gcs=G100", Consent::Untold),
            (None, "", Consent::Untold),
        ] {
            assert_eq!(Consent::of_page(flag, page), expected, "{page}");
        }
        assert!(Consent::Untold.allows_profile(true) && !Consent::Untold.allows_profile(false));
        assert!(Consent::Given.allows_profile(false) && !Consent::Refused.allows_profile(true));
    }

    #[test]
    fn what_can_be_counted_is_left_and_nobody_is() {
        let touchpoint = Touchpoint {
            site: "shop",
            visitor: "v",
            customer: "c",
            contact: "h",
            page: "/cart",
            channel: Channel::Email,
            country: "TH",
            city: "Bangkok",
            latitude: Some(13.75),
            text: "hello",
            search: "shoes",
            click_id: "gclid=x",
            properties: "{}",
            network_owner: "A University",
            brand: "Rare",
            page_group: "Cart",
            ..Touchpoint::default()
        };
        let left = only_counts(&touchpoint);
        assert_eq!((left.site, left.page, left.channel, left.country), ("shop", "/cart", Channel::Email, "TH"));
        let person = [
            left.visitor,
            left.customer,
            left.contact,
            left.city,
            left.text,
            left.search,
            left.click_id,
            left.properties,
            left.network_owner,
            left.brand,
        ];
        assert_eq!((person, left.latitude, left.page_group), ([""; 10], None, "Cart"));
    }
}

//! What may be kept of a person who did not agree: counts, and nothing that makes a profile.

use crumbtrail_events::Touchpoint;

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
/// time, host, page, channel, source, device class, country, money, robots' indicator. Its key is the caller's business.
pub fn only_counts<'a>(touchpoint: &Touchpoint<'a>) -> Touchpoint<'a> {
    Touchpoint {
        head: touchpoint.head,
        site: touchpoint.site,
        received_at: touchpoint.received_at,
        name: touchpoint.name,
        host: touchpoint.host,
        page: touchpoint.page,
        channel: touchpoint.channel,
        source: touchpoint.source,
        medium: touchpoint.medium,
        device: touchpoint.device,
        bot: touchpoint.bot,
        country: touchpoint.country,
        revenue: touchpoint.revenue,
        currency: touchpoint.currency,
        topic: touchpoint.topic,
        partition: touchpoint.partition,
        offset: touchpoint.offset,
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
        ];
        assert_eq!((person, left.latitude), ([""; 8], None));
    }
}

//! What a referrer is to a page: the site itself, an exception, or another site and whose.

use super::Referrer;
use crate::site::SiteRules;
use crate::sources::{Class, Sources};
use crate::url::{covers, host_name};

/// Why a referrer is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// There is none.
    NoReferrer,
    /// The page's own host.
    SameHost,
    /// One of the site's own hosts.
    OwnHost,
    /// Configured as never a referrer.
    Configured,
    /// A payment provider or sign-in page.
    Payment,
    /// A known source.
    Known,
    /// Some other site.
    OtherSite,
}

impl Because {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Because::NoReferrer => "no referrer",
            Because::SameHost => "the page's own host",
            Because::OwnHost => "among the site's own hosts",
            Because::Configured => "configured as never a referrer",
            Because::Payment => "a payment provider or sign-in page, never a referrer",
            Because::Known => "a known source",
            Because::OtherSite => "another site",
        }
    }
}

/// Whether both hosts are one, `www.` aside.
pub(crate) fn is_same(referrer: &str, host: &str) -> bool {
    let bare = |host: &'_ str| -> usize { if host.starts_with("www.") { 4 } else { 0 } };
    referrer[bare(referrer)..] == host[bare(host)..]
}

/// What the referrer's host is to a page on `host`; both lower-case.
#[must_use]
pub fn judge(referrer: &str, host: &str, site: &SiteRules, sources: &Sources) -> (Referrer, Because) {
    if referrer.is_empty() {
        return (Referrer::Absent, Because::NoReferrer);
    }
    if is_same(referrer, host) {
        return (Referrer::Internal, Because::SameHost);
    }
    // A configured host may be written in any case, or as `xn--…`.
    let mut buffer = String::new();
    let mut among = |hosts: &[String]| hosts.iter().any(|own| covers(host_name(own, &mut buffer), referrer));
    if among(&site.own_hosts) {
        return (Referrer::Internal, Because::OwnHost);
    }
    if among(&site.excluded_referrers) {
        return (Referrer::Excluded, Because::Configured);
    }
    match sources.at_host(referrer) {
        source if source.class == Class::Payment => (Referrer::Excluded, Because::Payment),
        source if source.class == Class::Unknown => (Referrer::External(source), Because::OtherSite),
        source => (Referrer::External(source), Because::Known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_says_why() {
        let site = SiteRules {
            own_hosts: vec!["shop.example".into(), "XN--42c5b3a1dc8kd.example".into()],
            excluded_referrers: vec!["bank.example".into(), "google.com".into()],
            ..SiteRules::default()
        };
        for (referrer, because) in [
            ("", Because::NoReferrer),
            ("www.shop.example", Because::SameHost),
            ("blog.shop.example", Because::OwnHost),
            ("www.ร้านค้า.example", Because::OwnHost),
            ("pay.bank.example", Because::Configured),
            ("www.google.com", Because::Configured),
            ("www.paypal.com", Because::Payment),
            ("l.facebook.com", Because::Known),
            ("forum.example", Because::OtherSite),
        ] {
            assert_eq!(judge(referrer, "shop.example", &site, Sources::shipped()).1, because, "{referrer}");
        }
    }

    #[test]
    fn no_payment_provider_is_ever_a_source() {
        let hosts: Vec<&str> = crate::text::lines(include_str!("../../data/payment.txt"))
            .filter_map(|line| line.split_once(": "))
            .flat_map(|(_, hosts)| hosts.split(", "))
            .collect();
        assert!(hosts.len() > 60);
        for host in hosts {
            for host in [host.to_owned(), format!("checkout.{host}")] {
                let judged = judge(&host, "shop.example", &SiteRules::default(), Sources::shipped());
                assert_eq!(judged, (Referrer::Excluded, Because::Payment), "{host}");
            }
        }
    }
}

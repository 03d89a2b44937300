//! How people come: referrers and campaign parameters of the first page of a visit.

use crate::dice::Dice;
use crate::places::Tongue;

/// One way to come: weight per language (English, Thai, Indonesian), referrer, query of the landing page. `{id}` in the
/// query is a click id of its own.
pub(crate) struct Arrival {
    weights: [u32; 3],
    pub(crate) referrer: &'static str,
    pub(crate) query: &'static str,
}

const fn arrival(weights: [u32; 3], referrer: &'static str, query: &'static str) -> Arrival {
    Arrival { weights, referrer, query }
}

/// All ways.
pub(crate) const ARRIVALS: [Arrival; 24] = [
    arrival([240, 170, 180], "", ""),
    arrival([230, 120, 150], "https://www.google.com/", ""),
    arrival([0, 90, 0], "https://www.google.co.th/", ""),
    arrival([0, 0, 80], "https://www.google.co.id/", ""),
    arrival([30, 5, 5], "https://www.bing.com/", ""),
    arrival([20, 5, 5], "https://duckduckgo.com/", ""),
    arrival([90, 70, 80], "https://www.google.com/", "?gclid={id}&utm_source=google&utm_medium=cpc&utm_campaign=brand"),
    arrival([40, 40, 40], "https://www.google.com/", "?gclid={id}"),
    arrival([30, 60, 60], "https://l.facebook.com/", "?fbclid={id}"),
    arrival([50, 60, 70], "https://l.instagram.com/", "?utm_source=instagram&utm_medium=social"),
    arrival(
        [20, 30, 40],
        "https://l.instagram.com/",
        "?utm_source=instagram&utm_medium=paid_social&utm_campaign=rainy-season",
    ),
    arrival([0, 120, 0], "https://liff.line.me/", ""),
    arrival([0, 60, 0], "", "?utm_source=line&utm_medium=social&utm_campaign=oa-broadcast"),
    arrival([30, 50, 90], "https://www.tiktok.com/", ""),
    arrival(
        [10, 30, 50],
        "https://www.tiktok.com/",
        "?ttclid={id}&utm_source=tiktok&utm_medium=paid&utm_campaign=unboxing",
    ),
    arrival([60, 40, 40], "", "?utm_source=newsletter&utm_medium=email&utm_campaign=weekly-{week}"),
    arrival([40, 25, 25], "", "?utm_source=crm&utm_medium=email&utm_campaign=cart-reminder"),
    arrival([10, 30, 0], "https://pantip.com/topic/42810377", ""),
    arrival([0, 0, 15], "https://www.kaskus.co.id/thread/5f1a", ""),
    arrival([25, 10, 10], "https://craftjournal.example/asia-gift-guide", ""),
    arrival([15, 5, 5], "https://partner.example/", "?utm_source=partner&utm_medium=affiliate&utm_campaign=gifts"),
    arrival([15, 5, 5], "https://chatgpt.com/", "?utm_source=chatgpt.com"),
    arrival([25, 15, 20], "https://www.youtube.com/", ""),
    arrival([15, 20, 15], "", "?utm_source=sms&utm_medium=sms&utm_campaign=payday"),
];

/// A way to come for somebody of this language.
pub(crate) fn any(dice: &mut Dice, tongue: Tongue) -> u8 {
    dice.weighted(ARRIVALS.iter().map(|arrival| arrival.weights[tongue as usize])) as u8
}

/// Marketing campaigns: name, medium, source.
pub(crate) const CAMPAIGNS: [(&str, &str, &str); 5] = [
    ("weekly-digest", "email", "newsletter"),
    ("cart-reminder", "email", "crm"),
    ("welcome", "email", "crm"),
    ("payday", "sms", "sms"),
    ("win-back", "push", "app"),
];

/// Payment providers that send people back, by the city's currency.
pub(crate) const PROVIDERS: [&str; 6] = [
    "https://pay.omise.co/",
    "https://app.midtrans.com/",
    "https://checkout.stripe.com/",
    "https://checkout.stripe.com/",
    "https://www.paypal.com/",
    "https://www.paypal.com/",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_enrich::sources::{Class, Sources};

    #[test]
    fn providers_are_known_as_such() {
        for provider in PROVIDERS {
            let host = provider.trim_start_matches("https://").trim_end_matches('/');
            assert_eq!(Sources::shipped().at_host(host).class, Class::Payment, "{host}");
        }
    }

    #[test]
    fn every_language_has_its_ways() {
        let mut dice = Dice::new(1, 1);
        for _ in 0..5_000 {
            let way = &ARRIVALS[usize::from(any(&mut dice, Tongue::English))];
            assert!(!way.referrer.contains("line.me") && !way.referrer.contains("kaskus"));
        }
    }
}

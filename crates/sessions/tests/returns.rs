//! A visit that comes back from a payment provider, with what enriching really makes of its clicks.

mod scene;

use crumbtrail_enrich::Enricher;
use crumbtrail_events::{ClickEvent, Kind};
use crumbtrail_sessions::{RuleBook, Rules};
use scene::Scene;

/// Sessions of views, a minute apart, of pages reached from somewhere.
fn sessions(views: &[(&str, &str)]) -> Vec<(i64, i64, u32)> {
    let default = Rules { cut_on_campaign: true, ..Rules::default() };
    let mut scene = Scene::new(RuleBook { default, ..RuleBook::default() });
    let mut enricher = Enricher::new(Default::default(), None, None);
    for (minute, (url, referrer)) in views.iter().enumerate() {
        let event = ClickEvent { kind: Kind::PageView, url, referrer, ..ClickEvent::default() };
        scene.send(60_000 * minute as i64, |touchpoint| {
            touchpoint.head.kind = event.kind;
            enricher.click(&event, touchpoint);
        });
    }
    scene.tick(3_600_000);
    [scene.final_rows(), scene.open_rows()].concat()
}

#[test]
fn a_return_from_a_payment_provider_cuts_no_session_whatever_its_url_says() {
    let came = ("https://shop.example/?utm_source=line&utm_medium=cpc&utm_campaign=sale", "");
    let cart = ("https://shop.example/cart", "https://shop.example/");
    let thanks = "https://shop.example/thanks?utm_source=paypal&utm_medium=referral&utm_campaign=checkout";
    for back in [
        (thanks, "https://www.paypal.com/checkout"),
        (thanks, ""),
        ("https://shop.example/thanks?gclid=abc", "https://app.midtrans.com/"),
    ] {
        assert_eq!(sessions(&[came, cart, back]), [(0, 120_000, 3)], "{back:?}");
    }
    let other = ("https://shop.example/?utm_source=facebook&utm_medium=cpc&utm_campaign=else", "");
    assert_eq!(sessions(&[came, cart, other]), [(0, 60_000, 2), (120_000, 120_000, 1)], "another campaign does");
}

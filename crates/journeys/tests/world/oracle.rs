//! Carts, stages and conversions computed again from the sorted events of one person, slowly and by other means: no
//! running state but plain lists, every question answered by looking at all events before it.

use std::collections::BTreeMap;

use crumbtrail_events::Kind;
use crumbtrail_events::vocabulary::{Author, Channel, Feeling, Scale};

use super::{CartSaid, ConversionSaid, DAY, Event, HOUR, MoveSaid};

/// What one person's tables should hold.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) moves: Vec<MoveSaid>,
    pub(crate) conversions: Vec<ConversionSaid>,
    pub(crate) carts: Vec<CartSaid>,
    pub(crate) stage: String,
    pub(crate) is_stalled: bool,
    pub(crate) touchpoints: u32,
    /// The latest, with when it was given.
    pub(crate) rating: Option<(Scale, f32, i64)>,
}

/// The truth about one person as of `watermark`. Repeats of an id count once, at their oldest.
pub(crate) fn truth(events: &[Event], watermark: i64) -> Expected {
    let mut by_id: BTreeMap<u64, &Event> = BTreeMap::new();
    for event in events {
        let known = by_id.entry(event.id).or_insert(event);
        if event.at < known.at {
            *known = event;
        }
    }
    let mut sorted: Vec<&Event> = by_id.into_values().collect();
    sorted.sort_by_key(|event| (event.at, event.id));
    let moves = moves(&sorted, watermark);
    let (stage, since) = moves.last().map_or((String::new(), 0), |last| (last.1.clone(), last.2));
    let stalled_days = match stage.as_str() {
        "awareness" => 30,
        "consideration" => 14,
        "purchase" => 60,
        "service" => 7,
        _ => 180,
    };
    Expected {
        is_stalled: since + stalled_days * DAY < watermark,
        conversions: conversions(&sorted),
        carts: carts(&sorted, watermark),
        touchpoints: sorted.iter().filter(|event| event.kind != Kind::PagePing).count() as u32,
        rating: sorted.iter().rev().find_map(|event| rating(event).map(|(scale, rating)| (scale, rating, event.at))),
        moves,
        stage,
    }
}

/// What a customer rated, themselves or by a survey tool, which is the system; stars go to five, recommendations to ten.
fn rating(event: &Event) -> Option<(Scale, f32)> {
    let (scale, rating) = event.rating?;
    let off = match scale {
        Scale::Nps => !(0.0..=10.0).contains(&rating),
        Scale::Stars => !(1.0..=5.0).contains(&rating),
        _ => unreachable!("no other is made"),
    };
    let is_others = event.author == Author::Agent || event.author == Author::Bot;
    (!off && !is_others).then_some((scale, rating))
}

/// The events cut at purchases and, within, at gaps of more than an hour between cart activities.
fn carts(events: &[&Event], watermark: i64) -> Vec<CartSaid> {
    let cart_kinds = [
        Kind::AddToCart,
        Kind::RemoveFromCart,
        Kind::CartView,
        Kind::CheckoutStarted,
        Kind::CheckoutStep,
        Kind::Purchase,
    ];
    let of_carts: Vec<&Event> = events.iter().copied().filter(|event| cart_kinds.contains(&event.kind)).collect();
    let mut told = Vec::new();
    let mut next = 0;
    let mut after_purchase = true;
    while next < of_carts.len() {
        // Look for a beginning.
        let first = of_carts[next];
        let begins = match first.kind {
            Kind::AddToCart => true,
            Kind::CartView => after_purchase && first.items.iter().any(|item| item.2 > 0),
            Kind::CheckoutStarted => after_purchase,
            _ => false,
        };
        if !begins {
            after_purchase |= first.kind == Kind::Purchase;
            next += 1;
            continue;
        }
        // Everything up to a purchase or a gap belongs to it.
        let mut end = next + 1;
        while end < of_carts.len()
            && of_carts[end].kind != Kind::Purchase
            && of_carts[end].at - of_carts[end - 1].at <= HOUR
        {
            end += 1;
        }
        let own = &of_carts[next..end];
        let last = own[own.len() - 1];
        let true_at = last.at + HOUR;
        let is_bought = of_carts.get(end).is_some_and(|event| event.kind == Kind::Purchase && event.at <= true_at);
        if !is_bought && true_at < watermark {
            told.push(describe(own, true_at));
        }
        after_purchase = is_bought;
        next = end + usize::from(is_bought);
    }
    told
}

fn describe(own: &[&Event], true_at: i64) -> CartSaid {
    let mut content: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let (mut peak, mut emptied, mut step) = (0, false, "");
    for event in own {
        let had: i64 = content.values().map(|line| line.1).sum();
        let is_list = matches!(event.kind, Kind::CartView | Kind::CheckoutStarted | Kind::CheckoutStep);
        if is_list && !event.items.is_empty() {
            content.clear();
        }
        for (product, price, quantity) in &event.items {
            match event.kind {
                Kind::RemoveFromCart if *quantity == 0 => drop(content.remove(product.as_str())),
                Kind::RemoveFromCart => {
                    if let Some(line) = content.get_mut(product.as_str()) {
                        line.1 = (line.1 - i64::from(*quantity)).max(0);
                    }
                }
                _ if is_list && *quantity == 0 => {}
                _ => {
                    let line = content.entry(product.clone()).or_default();
                    line.0 = if *price == 0 { line.0 } else { *price };
                    line.1 += i64::from(*quantity).max(1);
                }
            }
        }
        if event.kind == Kind::AddToCart && event.items.is_empty() {
            // What names no product is told apart by its price.
            let line = content.entry(format!("for {}", event.revenue)).or_default();
            *line = (event.revenue, line.1 + 1);
        }
        content.retain(|_, line| line.1 > 0);
        let has: i64 = content.values().map(|line| line.1).sum();
        emptied = has == 0 && (had > 0 || emptied);
        peak = peak.max(content.values().map(|line| line.0 * line.1).sum());
        if !event.step.is_empty() && event.kind.as_str().starts_with("checkout") {
            step = event.step;
        }
    }
    let in_checkout = own.iter().any(|event| event.kind.as_str().starts_with("checkout"));
    (
        own[0].at,
        own[own.len() - 1].at,
        true_at,
        if emptied { "emptied" } else { "left" }.to_owned(),
        if in_checkout { "checkout" } else { "cart" }.to_owned(),
        step.to_owned(),
        content.values().map(|line| line.0 * line.1).sum(),
        peak,
        content.values().map(|line| line.1 as u32).sum(),
    )
}

fn conversions(events: &[&Event]) -> Vec<ConversionSaid> {
    let mut found = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let kind = match event.kind {
            Kind::Purchase => "purchase",
            Kind::SignUp => "signed_up",
            Kind::Subscribed => "subscribed",
            _ => continue,
        };
        let touches: Vec<Channel> = events[..=i]
            .iter()
            .filter(|touch| touch.at >= event.at - 30 * DAY && is_touch(touch))
            .map(|touch| touch.channel)
            .collect();
        let kept = &touches[touches.len().saturating_sub(50)..];
        let ends = |channels: &[Channel], last: bool| {
            if last { channels.last().copied() } else { channels.first().copied() }.unwrap_or_default()
        };
        let has_cart = event.kind == Kind::Purchase && has_open_cart(&events[..i]);
        found.push((event.at, kind.to_owned(), has_cart, kept.len() as u32, ends(kept, false), ends(kept, true)));
    }
    found
}

/// Whether since the last purchase something began a cart.
fn has_open_cart(before: &[&Event]) -> bool {
    let since = before.iter().rposition(|event| event.kind == Kind::Purchase).map_or(0, |i| i + 1);
    before[since..].iter().any(|event| match event.kind {
        Kind::AddToCart | Kind::CheckoutStarted => true,
        Kind::CartView => event.items.iter().any(|item| item.2 > 0),
        _ => false,
    })
}

fn is_touch(event: &Event) -> bool {
    let support = ["chat", "phone", "ticket", "support_email", "review", "survey", "social", "comment", "store"];
    let name = event.channel.as_str();
    let sent = [Kind::MessageSent, Kind::MessageDelivered, Kind::MessageUnsubscribed].contains(&event.kind);
    !name.is_empty() && !support.contains(&name) && !sent && !event.kind.is_support()
}

/// The retail model in code.
fn moves(events: &[&Event], watermark: i64) -> Vec<MoveSaid> {
    let mut moves: Vec<MoveSaid> = Vec::new();
    let rank = |stage: &str| {
        ["", "awareness", "consideration", "purchase", "service", "loyalty"].iter().position(|s| *s == stage)
    };
    let help = ["chat", "email", "support_email", "phone", "ticket", "store"];
    let go = |moves: &mut Vec<MoveSaid>, to: &str, at: i64, rule: &str| {
        let (from, since) = moves.last().map_or((String::new(), at), |last| (last.1.clone(), last.2));
        moves.push((from, to.to_owned(), at, at - since, rule.to_owned()));
    };
    // Asked once, as of the moment the silence is complete: what came before that moment counts, nothing after it.
    let lapse = |moves: &mut Vec<MoveSaid>, active: Option<i64>, before: i64, now: i64| {
        let stage = moves.last().map_or("", |last| last.1.as_str()).to_owned();
        let due = active.map(|active| active + 180 * DAY).filter(|due| before <= *due && *due < now);
        if let (Some(due), false) = (due, ["", "awareness"].contains(&stage.as_str())) {
            go(moves, "awareness", due, "lapsed");
        }
    };
    let mut active = None;
    for (i, event) in events.iter().enumerate() {
        let before = if i == 0 { i64::MIN } else { events[i - 1].at };
        lapse(&mut moves, active, before, event.at);
        let stage = moves.last().map_or("", |last| last.1.as_str()).to_owned();
        let earlier = |to: &str| rank(&stage) < rank(to);
        let is_in = |stages: &[&str]| stages.contains(&stage.as_str());
        let of_kind = |kinds: &[Kind]| kinds.contains(&event.kind);
        let again = |kind: Kind, days: i64| {
            event.kind == kind
                && events[..i].iter().any(|other| other.kind == kind && event.at - other.at <= days * DAY)
        };
        let by_customer = event.author == Author::Customer;
        let rated = |scale: Scale, least: f32| rating(event).is_some_and(|(s, rating)| s == scale && rating >= least);
        let channel = event.channel.as_str();
        let asks = [Kind::SupportMessage, Kind::SupportOpened, Kind::SupportReopened];
        let rule = if again(Kind::Purchase, 90) && earlier("loyalty") {
            Some(("loyalty", "second_purchase"))
        } else if rated(Scale::Nps, 9.0) && is_in(&["purchase", "service"]) {
            Some(("loyalty", "promoter"))
        } else if rated(Scale::Stars, 4.0) && is_in(&["purchase", "service"]) {
            Some(("loyalty", "good_stars"))
        } else if channel == "review"
            && by_customer
            && event.feeling == Feeling::Positive
            && is_in(&["purchase", "service"])
        {
            Some(("loyalty", "positive_review"))
        } else if of_kind(&asks) && by_customer && help.contains(&channel) && is_in(&["purchase", "loyalty"]) {
            Some(("service", "needs_help"))
        } else if ["review", "social"].contains(&channel)
            && by_customer
            && event.feeling == Feeling::Negative
            && is_in(&["purchase", "loyalty"])
        {
            Some(("service", "complains_in_public"))
        } else if of_kind(&[Kind::Purchase, Kind::Subscribed]) && earlier("purchase") {
            Some(("purchase", "bought"))
        } else if of_kind(&[Kind::Purchase, Kind::Subscribed]) && is_in(&["service"]) {
            Some(("purchase", "bought_again"))
        } else if of_kind(&[Kind::AddToCart, Kind::Wishlist, Kind::CartView, Kind::CheckoutStarted, Kind::CheckoutStep])
            && earlier("consideration")
        {
            Some(("consideration", "fills_cart"))
        } else if again(Kind::ProductView, 7) && earlier("consideration") {
            Some(("consideration", "looks_twice"))
        } else if event.kind == Kind::Search && earlier("consideration") {
            Some(("consideration", "searches"))
        } else if of_kind(&asks[..2]) && by_customer && help.contains(&channel) && earlier("consideration") {
            Some(("consideration", "asks_before_buying"))
        } else if event.kind == Kind::Cancelled && is_in(&["purchase", "service", "loyalty"]) {
            Some(("consideration", "cancelled"))
        } else if stage.is_empty() {
            Some(("awareness", "first_touchpoint"))
        } else {
            None
        };
        if let Some((to, rule)) = rule {
            go(&mut moves, to, event.at, rule);
        }
        if by_customer && ![Kind::MessageSent, Kind::MessageDelivered].contains(&event.kind) {
            active = Some(event.at);
        }
    }
    lapse(&mut moves, active, events.last().map_or(i64::MIN, |event| event.at), watermark);
    moves
}

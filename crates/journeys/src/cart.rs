//! A person's cart: what is in it, and when it counts as abandoned.
//!
//! ```text
//! added ── added ── checkout ─────── 60 min without a purchase ───────┤ abandoned (told once)
//!                                                                       … a later purchase ends the cart
//! added ── removed (nothing left) ── 60 min ──────────────────────────┤ abandoned, emptied
//! ```
//!
//! A cart begins with a product put into it, or with the first list of lines or checkout seen without one. It ends with
//! a purchase. A cart that was told as abandoned is never told again; the next product put in begins a new one, so the
//! values of abandoned carts can be added up. `cart_viewed` and `checkout_*` that carry lines say what the cart holds.

use crumbtrail_events::vocabulary::Device;
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_events::{EventTime, Kind, Micros};
use smallvec::SmallVec;

use crate::point::{Line, Seen};
use crate::snapshot::{Stored, stored};
use crate::strings::Sym;

/// Lines kept apart; what goes beyond is one sum.
const MOST_LINES: usize = 100;
/// Sets pieces whose price is of another currency apart from those of the same product.
const FOREIGN: u64 = 0x666f_7265_6967_6e21;
/// Evidence kept: the first touchpoint and the latest ones.
const MOST_EVIDENCE: usize = 16;

/// An open or told cart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cart {
    pub(crate) began_at: EventTime,
    pub(crate) last_at: EventTime,
    lines: Vec<Line>,
    /// Pieces and value of the lines beyond the bound.
    more_pieces: u32,
    more_value: i64,
    pub(crate) peak: Micros,
    pub(crate) currency: Sym,
    pub(crate) step: Sym,
    pub(crate) device: Device,
    pub(crate) in_checkout: bool,
    /// The last change took out the last piece.
    pub(crate) is_emptied: bool,
    pub(crate) evidence: SmallVec<[u64; 4]>,
}
stored!(Cart {
    began_at,
    last_at,
    lines,
    more_pieces,
    more_value,
    peak,
    currency,
    step,
    device,
    in_checkout,
    is_emptied,
    evidence,
});

impl Cart {
    /// When it counts as abandoned unless something happens up to and including that time.
    pub(crate) fn due(&self, after_ms: i64) -> EventTime {
        self.last_at.plus(after_ms)
    }

    /// Pieces in it.
    pub(crate) fn pieces(&self) -> u32 {
        self.lines.iter().fold(self.more_pieces, |sum, line| sum.saturating_add(line.quantity))
    }

    /// Price times quantity over all lines.
    pub(crate) fn value(&self) -> Micros {
        Micros(self.lines.iter().fold(self.more_value, |sum, line| sum.saturating_add(worth(line))))
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let evidence = if self.evidence.spilled() { self.evidence.capacity() * 8 } else { 0 };
        size_of::<Cart>() + self.lines.capacity() * size_of::<Line>() + evidence
    }

    fn put(&mut self, line: &Line) {
        // Sources that leave the quantity out mean one.
        let quantity = line.quantity.max(1);
        if let Some(own) = self.lines.iter_mut().find(|own| own.product == line.product) {
            own.quantity = own.quantity.saturating_add(quantity);
            if line.price.0 != 0 {
                own.price = line.price;
            }
        } else if self.lines.len() < MOST_LINES {
            self.lines.push(Line { quantity, ..*line });
        } else {
            self.more_pieces = self.more_pieces.saturating_add(quantity);
            self.more_value = self.more_value.saturating_add(worth(&Line { quantity, ..*line }));
        }
    }

    fn take_out(&mut self, line: &Line) {
        let is_it = |own: &Line| own.product == line.product;
        // What names neither a product nor a price: the last that names no product.
        let nameless = || self.lines.iter().rposition(|own| line.product == 0 && own.product == own.price.0 as u64);
        let foreign = || self.lines.iter().position(|own| own.product == line.product ^ FOREIGN);
        if let Some(i) = self.lines.iter().position(is_it).or_else(nameless).or_else(foreign) {
            let own = &mut self.lines[i];
            // No quantity: the whole line.
            own.quantity = if line.quantity == 0 { 0 } else { own.quantity.saturating_sub(line.quantity) };
            if own.quantity == 0 {
                self.lines.remove(i);
            }
        } else if self.more_pieces > 0 {
            let quantity = line.quantity.clamp(1, self.more_pieces);
            self.more_pieces -= quantity;
            let left = self.more_value.saturating_sub(worth(&Line { quantity, ..*line }));
            self.more_value = if self.more_pieces == 0 { 0 } else { left.max(0) };
        }
    }

    fn holds(&mut self, lines: impl Iterator<Item = Line>) {
        self.lines.clear();
        (self.more_pieces, self.more_value) = (0, 0);
        for line in lines.filter(|line| line.quantity > 0) {
            self.put(&line);
        }
    }
}

fn worth(line: &Line) -> i64 {
    line.price.0.saturating_mul(i64::from(line.quantity))
}

/// A person's cart, if any.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Slot {
    /// No cart since the last purchase.
    #[default]
    Empty,
    /// A cart that may still be bought or abandoned.
    Open(Box<Cart>),
    /// A cart that was told as abandoned; nobody needs to know any more what was in it.
    Told,
}

impl Stored for Slot {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Slot::Empty => out.push(0),
            Slot::Told => out.push(1),
            Slot::Open(cart) => {
                out.push(2);
                cart.put(out);
            }
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Slot, WireError> {
        match reader.u8()? {
            0 => Ok(Slot::Empty),
            1 => Ok(Slot::Told),
            2 => Box::get(reader).map(Slot::Open),
            _ => Err(WireError::Malformed("unknown state of a cart")),
        }
    }
}

impl Slot {
    /// The cart that may still be bought or abandoned.
    pub(crate) fn open(&self) -> Option<&Cart> {
        match self {
            Slot::Open(cart) => Some(cart),
            Slot::Empty | Slot::Told => None,
        }
    }
}

/// Lets one touchpoint of a cart kind act on the person's cart. `at` never lies before an earlier call's; whoever calls
/// has told the abandonment that was due before `at`. Whether a cart, told or not, ended with it.
pub(crate) fn act(slot: &mut Slot, seen: &Seen<'_>, at: EventTime) -> bool {
    let kind = seen.point.kind;
    if kind == Kind::Purchase {
        return !matches!(std::mem::take(slot), Slot::Empty);
    }
    let begins = match (kind, &*slot) {
        (_, Slot::Open(_)) => false,
        (Kind::AddToCart, _) | (Kind::CheckoutStarted, Slot::Empty) => true,
        (Kind::CartView, Slot::Empty) => seen.lines.iter().any(|line| line.quantity > 0),
        _ => false,
    };
    if begins {
        *slot = Slot::Open(Box::new(Cart { began_at: at, ..Cart::default() }));
    }
    if let Slot::Open(cart) = slot {
        cart.act(seen, at);
    }
    false
}

impl Cart {
    fn act(&mut self, seen: &Seen<'_>, at: EventTime) {
        let kind = seen.point.kind;
        if self.currency.is_empty() {
            self.currency = seen.detail.currency;
        }
        // A price in another currency cannot be added: the pieces count, beside those that have a price here, their value does not.
        // What names no product is told apart by its price.
        let is_foreign = !seen.detail.currency.is_empty() && seen.detail.currency != self.currency;
        let kept = |line: &Line| {
            let product = if line.product == 0 { line.price.0 as u64 } else { line.product };
            if is_foreign {
                Line { product: product ^ FOREIGN, price: Micros(0), ..*line }
            } else {
                Line { product, ..*line }
            }
        };
        let had = self.pieces();
        match kind {
            Kind::AddToCart if seen.lines.is_empty() => {
                self.put(&kept(&Line { product: 0, price: seen.detail.revenue, quantity: 1 }));
            }
            Kind::AddToCart => seen.lines.iter().for_each(|line| self.put(&kept(line))),
            Kind::RemoveFromCart => seen.lines.iter().for_each(|line| self.take_out(&kept(line))),
            _ if !seen.lines.is_empty() => self.holds(seen.lines.iter().map(kept)),
            _ => {}
        }
        if matches!(kind, Kind::CheckoutStarted | Kind::CheckoutStep) {
            self.in_checkout = true;
            self.step = seen.detail.step.or(self.step);
        }
        let has = self.pieces();
        self.is_emptied = has == 0 && (had > 0 || self.is_emptied);
        self.peak = self.peak.max(self.value());
        self.last_at = at;
        if seen.context.device != Device::Unknown {
            self.device = seen.context.device;
        }
        if self.evidence.len() == MOST_EVIDENCE {
            self.evidence.remove(1);
        }
        self.evidence.push(seen.point.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::{Context, Detail, NOTHING, Point};

    fn do_it(slot: &mut Slot, kind: Kind, at: i64, lines: &[(u64, i64, u32)]) -> bool {
        let lines: Vec<Line> =
            lines.iter().map(|&(product, price, quantity)| Line { product, price: Micros(price), quantity }).collect();
        let point = Point { kind, at: EventTime(at), id: at as u64, ..Point::default() };
        let seen = Seen { point: &point, context: &Context::default(), detail: &NOTHING, lines: &lines };
        act(slot, &seen, EventTime(at))
    }

    #[test]
    fn value_peak_and_emptying() {
        let mut slot = Slot::Empty;
        do_it(&mut slot, Kind::RemoveFromCart, 1, &[(9, 1, 1)]);
        assert!(matches!(slot, Slot::Empty), "nothing to take out of");
        do_it(&mut slot, Kind::AddToCart, 2, &[(1, 100, 2)]);
        do_it(&mut slot, Kind::AddToCart, 3, &[(2, 50, 0)]);
        do_it(&mut slot, Kind::RemoveFromCart, 4, &[(1, 0, 1)]);
        let cart = slot.open().unwrap();
        assert_eq!((cart.pieces(), cart.value(), cart.peak), (2, Micros(150), Micros(250)));
        do_it(&mut slot, Kind::RemoveFromCart, 5, &[(1, 0, 0), (2, 0, 7)]);
        let cart = slot.open().unwrap();
        assert!(cart.is_emptied && cart.pieces() == 0 && cart.value() == Micros(0));
        do_it(&mut slot, Kind::AddToCart, 6, &[(3, 10, 1)]);
        let cart = slot.open().unwrap();
        assert_eq!((cart.is_emptied, cart.value(), cart.peak), (false, Micros(10), Micros(250)));
        assert_eq!(cart.due(60), EventTime(66));
        assert_eq!(&cart.evidence[..], [2, 3, 4, 5, 6]);
    }

    #[test]
    fn pieces_without_a_product_and_of_another_currency_have_lines_of_their_own() {
        let told = |slot: &Slot| slot.open().map(|cart| (cart.pieces(), cart.value().0, cart.peak.0));
        let mut slot = Slot::Empty;
        do_it(&mut slot, Kind::AddToCart, 1, &[(0, 10, 1)]);
        do_it(&mut slot, Kind::AddToCart, 2, &[(0, 30, 1), (0, 10, 1)]);
        assert_eq!(told(&slot), Some((3, 50, 50)));
        do_it(&mut slot, Kind::RemoveFromCart, 3, &[(0, 10, 1)]);
        assert_eq!(told(&slot), Some((2, 40, 50)));
        do_it(&mut slot, Kind::RemoveFromCart, 4, &[(0, 0, 0)]);
        assert_eq!(told(&slot), Some((1, 10, 50)), "the last one");

        let mut slot = Slot::Empty;
        let put = |slot: &mut Slot, kind, at, currency, price| {
            let detail = Detail { currency: Sym(currency), ..NOTHING };
            let point = Point { kind, at: EventTime(at), id: at as u64, ..Point::default() };
            let lines = [Line { product: 7, price: Micros(price), quantity: 1 }];
            act(
                slot,
                &Seen { point: &point, context: &Context::default(), detail: &detail, lines: &lines },
                EventTime(at),
            )
        };
        put(&mut slot, Kind::AddToCart, 1, 1, 10);
        put(&mut slot, Kind::AddToCart, 2, 2, 350);
        assert_eq!(told(&slot), Some((2, 10, 10)));
        put(&mut slot, Kind::RemoveFromCart, 3, 1, 10);
        assert_eq!(told(&slot), Some((1, 0, 10)));
        put(&mut slot, Kind::RemoveFromCart, 4, 0, 0);
        assert_eq!(told(&slot), Some((0, 0, 10)));
    }

    #[test]
    fn a_list_of_lines_says_what_the_cart_holds() {
        let mut slot = Slot::Empty;
        do_it(&mut slot, Kind::CheckoutStep, 1, &[(1, 5, 1)]);
        assert!(matches!(slot, Slot::Empty), "a step alone begins no cart: the page after the purchase is a step too");
        do_it(&mut slot, Kind::CheckoutStarted, 2, &[(1, 5, 1), (2, 6, 3)]);
        assert_eq!(slot.open().map(|cart| (cart.value(), cart.in_checkout)), Some((Micros(23), true)));
        do_it(&mut slot, Kind::CartView, 3, &[(2, 6, 1)]);
        assert_eq!(slot.open().map(|cart| cart.value()), Some(Micros(6)));
        assert!(do_it(&mut slot, Kind::Purchase, 4, &[]));
        assert!(matches!(slot, Slot::Empty));
    }

    #[test]
    fn a_told_cart_rests_until_a_product_begins_a_new_one() {
        let mut slot = Slot::Empty;
        do_it(&mut slot, Kind::AddToCart, 1, &[(1, 100, 1)]);
        slot = Slot::Told;
        do_it(&mut slot, Kind::CheckoutStarted, 2, &[]);
        assert!(matches!(slot, Slot::Told));
        do_it(&mut slot, Kind::AddToCart, 3, &[(2, 10, 1)]);
        assert_eq!(slot.open().map(|cart| cart.value().0), Some(10));
    }

    #[test]
    fn lines_and_evidence_are_bounded() {
        let mut slot = Slot::Empty;
        for product in 0..500 {
            do_it(&mut slot, Kind::AddToCart, product, &[(product as u64, 1, 1)]);
        }
        let cart = slot.open().unwrap();
        assert_eq!((cart.pieces(), cart.value().0, cart.lines.len(), cart.evidence.len()), (500, 500, 100, 16));
        assert_eq!((cart.evidence[0], cart.evidence[15]), (0, 499));
        for product in 0..500 {
            do_it(&mut slot, Kind::RemoveFromCart, 500 + product, &[(product as u64, 1, 1)]);
        }
        assert!(slot.open().is_some_and(|cart| cart.is_emptied && cart.value().0 == 0));
    }
}

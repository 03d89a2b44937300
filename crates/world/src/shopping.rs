//! A stay on the site: pages, searches, products, now and then a cart, sometimes a purchase.

use crumbtrail_events::Kind;

use crate::arrivals;
use crate::catalogue::{CATEGORIES, PRODUCTS, price_micros};
use crate::devices::{self, Class};
use crate::dice::Dice;
use crate::places::CITIES;
use crate::plan::{Line, MINUTE, Page, Person, Plan, SECOND, Step, Visit, Visitor, What};
use crate::texts::{SEARCHES, Texts, Topic};

/// Steps of the checkout, in order.
pub(crate) const CHECKOUT: [&str; 4] = ["address", "delivery", "payment", "confirm"];
const PAYMENT: u8 = 2;
/// Steps of getting started, in order.
pub(crate) const ONBOARDING: [&str; 3] = ["profile", "interests", "first_look"];

/// What a visit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Looking round; the device knows the customer or not.
    Browse { is_known: bool, may_comment: bool },
    /// Becoming a customer on this device: `true` for a new account, `false` for a login.
    SignIn(bool),
    /// Closing the account.
    Leave,
}

/// One stay being written.
pub(crate) struct Stay<'p> {
    plan: &'p mut Plan,
    dice: &'p mut Dice,
    person: Person,
    class: Class,
    visit: u32,
    at: i64,
    page: Page,
    from: Page,
    is_known: bool,
    has_refused: bool,
}

impl<'p> Stay<'p> {
    /// Begins a stay at `at` with the person's device of that number.
    pub(crate) fn begin(plan: &'p mut Plan, dice: &'p mut Dice, person: Person, device: u8, at: i64) -> Stay<'p> {
        let agent = person.agents[usize::from(device)];
        // One device in seventy has a clock that is off.
        let clock = crate::dice::scramble(u64::from(person.number), u64::from(device));
        let skew_ms = if clock.is_multiple_of(70) { (clock >> 8) as i32 % (40 * MINUTE as i32) } else { 0 };
        let has_refused = !person.is_customer && dice.chance(6);
        let visit = plan.open(Visit {
            visitor: Visitor::Device(person.number, device),
            person: person.number,
            agent,
            city: person.city,
            arrival: arrivals::any(dice, person.tongue),
            tongue: person.tongue,
            address: dice.bits() as u32,
            skew_ms,
            has_refused,
        });
        if !has_refused {
            plan.tally.sessions += 1;
            *plan.tally.sessions_by_city.entry(CITIES[usize::from(person.city)].name).or_default() += 1;
        }
        let class = devices::class(agent);
        Stay {
            plan,
            dice,
            person,
            class,
            visit,
            at,
            page: Page::Nowhere,
            from: Page::Outside,
            is_known: false,
            has_refused,
        }
    }

    /// The whole stay. Says whether the person was known as a customer at its end.
    pub(crate) fn go(mut self, purpose: Purpose, texts: &Texts) -> bool {
        self.is_known = matches!(purpose, Purpose::Leave | Purpose::Browse { is_known: true, .. });
        let landing = match self.dice.below(100) {
            0..42 => Page::Home,
            42..66 => Page::Category(self.dice.index(CATEGORIES.len()) as u8),
            _ => Page::Product(self.product()),
        };
        self.show(landing);
        match purpose {
            Purpose::Leave => self.leave(),
            Purpose::SignIn(is_new) => {
                self.look_round(2, texts, false);
                self.sign_in(is_new);
                let pages = self.breadth();
                self.look_round(pages, texts, false);
                self.perhaps_buy(340);
            }
            Purpose::Browse { may_comment, .. } => {
                // Three in ten see one page and go.
                if !self.dice.chance(300) {
                    let pages = self.breadth();
                    self.look_round(pages, texts, may_comment);
                    // A customer the device does not know yet fills no cart: it would be a stranger's.
                    if self.is_known || !self.person.is_customer {
                        self.perhaps_buy(if self.is_known { 340 } else { 250 });
                    }
                } else if self.dice.chance(400) {
                    self.pings();
                }
            }
        }
        self.is_known
    }

    fn breadth(&mut self) -> u64 {
        1 + self.dice.geometric(34, 40)
    }

    fn product(&mut self) -> u16 {
        // The square of chance: some products are looked at far more.
        let (a, b) = (self.dice.below(PRODUCTS.len() as u64), self.dice.below(PRODUCTS.len() as u64));
        (a * b / PRODUCTS.len() as u64) as u16
    }

    fn wait(&mut self, least_s: i64, most_s: i64) {
        self.at += self.dice.between(least_s * SECOND, most_s * SECOND);
    }

    fn say(&mut self, what: What) {
        self.say_with(what, &[]);
    }

    fn say_with(&mut self, what: What, lines: &[Line]) {
        let (line_start, line_count) = self.plan.keep(lines);
        let step = Step {
            at: self.at,
            queued_ms: 0,
            travel_ms: 0,
            is_known: self.is_known,
            line_count,
            line_start,
            visit: self.visit,
            page: self.page,
            from: self.from,
            what,
        };
        self.plan.push(self.dice, step);
    }

    /// Goes to a page: a view, and what the page itself tells.
    fn show(&mut self, page: Page) {
        if self.page != Page::Nowhere {
            self.wait(4, 55);
            self.from = self.page;
        }
        self.page = page;
        self.say(What::Plain(Kind::PageView));
        let told = match page {
            Page::Category(_) => Kind::ListView,
            Page::Product(_) => Kind::ProductView,
            Page::Search(_) => Kind::Search,
            _ => return,
        };
        self.at += self.dice.between(150, 900);
        self.say(What::Plain(told));
    }

    fn look_round(&mut self, pages: u64, texts: &Texts, may_comment: bool) {
        for _ in 0..pages {
            match self.dice.below(100) {
                0..24 => {
                    let category = self.dice.index(CATEGORIES.len()) as u8;
                    self.show(Page::Category(category));
                }
                24..68 => {
                    let product = self.product();
                    self.show(Page::Product(product));
                    self.around_product(texts, may_comment);
                }
                68..79 => {
                    let term = self.dice.index(SEARCHES[0].len()) as u8;
                    self.show(Page::Search(term));
                }
                79..89 => self.pings(),
                89..95 => {
                    self.wait(2, 20);
                    self.say(What::Plain(Kind::Click));
                }
                95..98 => self.show(Page::Stores),
                _ => self.show(Page::Home),
            }
        }
    }

    fn around_product(&mut self, texts: &Texts, may_comment: bool) {
        match self.dice.below(1_000) {
            0..45 => {
                self.wait(3, 30);
                self.say(What::Plain(Kind::Wishlist));
            }
            45..55 => {
                self.wait(3, 30);
                self.say(What::Plain(Kind::Share));
            }
            55..70 if may_comment => {
                self.wait(40, 200);
                let (topic, stars) = match self.dice.below(10) {
                    0..7 => (Topic::Praise, 4 + self.dice.below(2) as u8),
                    7..8 => (Topic::Meh, 3),
                    _ => (Topic::Quality, 1 + self.dice.below(2) as u8),
                };
                let words = texts.any(self.dice, self.person.tongue, topic);
                self.say(What::Comment(words, stars));
            }
            _ => {}
        }
    }

    /// Heartbeats, ten seconds apart.
    fn pings(&mut self) {
        for _ in 0..self.dice.between(1, 5) {
            self.at += 10 * SECOND;
            self.say(What::Plain(Kind::PagePing));
        }
    }

    fn sign_in(&mut self, is_new: bool) {
        self.show(Page::Login);
        self.wait(12, 70);
        self.is_known = true;
        if is_new {
            self.say(What::Plain(Kind::SignUp));
            self.at += 400;
        }
        self.say(What::Plain(Kind::Login));
        if is_new {
            for step in 0..self.dice.between(1, ONBOARDING.len() as i64) as u8 {
                self.show(Page::Welcome(step));
                self.wait(10, 60);
                self.say(What::Onboarding(step));
            }
        }
    }

    fn leave(&mut self) {
        self.show(Page::Account);
        self.show(Page::Close);
        self.wait(15, 90);
        self.say(What::Plain(Kind::Cancelled));
    }

    fn perhaps_buy(&mut self, permille: u32) {
        if !self.has_refused && self.dice.chance(permille) {
            self.fill_cart();
        }
    }

    fn fill_cart(&mut self) {
        let mut cart: Vec<Line> = Vec::new();
        for _ in 0..1 + self.dice.geometric(7, 3) {
            let product = self.product();
            if cart.iter().any(|line| line.product == product) {
                continue;
            }
            if self.page != Page::Product(product) {
                self.show(Page::Product(product));
            }
            self.wait(8, 60);
            let line = Line { product, quantity: if self.dice.chance(120) { 2 } else { 1 } };
            cart.push(line);
            self.say_with(What::Plain(Kind::AddToCart), &[line]);
        }
        if self.dice.chance(720) {
            self.show(Page::Cart);
            self.at += 300;
            self.say_with(What::Plain(Kind::CartView), &cart);
        }
        let second_thoughts = self.dice.below(100);
        let taken_out = match second_thoughts {
            0..4 => cart.len(),
            4..12 if cart.len() > 1 => 1,
            _ => 0,
        };
        for _ in 0..taken_out {
            self.wait(4, 25);
            if let Some(line) = cart.pop() {
                self.say_with(What::Plain(Kind::RemoveFromCart), &[line]);
            }
        }
        if !cart.is_empty() && self.dice.chance(560) && self.check_out(&cart) {
            self.plan.tally.bought += 1;
            return;
        }
        let currency = CITIES[usize::from(self.person.city)].currency;
        let value: i64 = cart.iter().map(|line| price_micros(line.product, currency) * i64::from(line.quantity)).sum();
        self.plan.tally.abandoned += 1;
        self.plan.tally.abandoned_micros[currency] += value;
    }

    /// The checkout; says whether it ended in a purchase.
    fn check_out(&mut self, cart: &[Line]) -> bool {
        let tablet = self.class == Class::Tablet;
        self.show(Page::Checkout(0));
        self.at += 300;
        self.say_with(What::Plain(Kind::CheckoutStarted), cart);
        for step in 0..=PAYMENT {
            if step > 0 {
                self.show(Page::Checkout(step));
            }
            self.at += self.dice.between(200, 600);
            self.say(What::CheckoutStep(step));
            if step == PAYMENT {
                self.plan.tally.payment[usize::from(!tablet)][0] += 1;
            }
            let goes_on = match step {
                0 => 870,
                1 => 900,
                // The truth planted here: the payment page is broken on tablets.
                _ if tablet => 70,
                _ => 800,
            };
            if !self.dice.chance(goes_on) {
                if step == PAYMENT {
                    self.plan.tally.payment[usize::from(!tablet)][1] += 1;
                    if tablet || self.dice.chance(100) {
                        self.wait(10, 60);
                        self.say(What::PaymentError);
                    }
                }
                return false;
            }
        }
        self.wait(25, 180);
        self.page = Page::Return;
        self.from = Page::Provider;
        self.say(What::Plain(Kind::PageView));
        self.at += 350;
        self.say(What::CheckoutStep(PAYMENT + 1));
        self.at += 450;
        self.plan.orders += 1;
        let order = self.plan.orders;
        self.say_with(What::Purchase(order), cart);
        true
    }
}

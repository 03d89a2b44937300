//! A touchpoint as a journey needs it: 32 bytes, with what repeats or is rare kept beside it.

use crumbtrail_events::touchpoint::Item;
use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Scale};
use crumbtrail_events::{EventTime, Kind, Micros, Touchpoint};
use xxhash_rust::xxh3::xxh3_64;

use crate::snapshot::stored;
use crate::strings::{Strings, Sym};

/// No [`Detail`]: the touchpoint has nothing rare.
pub(crate) const PLAIN: u32 = u32::MAX;

/// One touchpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) at: EventTime,
    /// Hash of the event id.
    pub(crate) id: u64,
    /// Index of its [`Context`].
    pub(crate) context: u32,
    /// Index of its [`Detail`], or [`PLAIN`].
    pub(crate) detail: u32,
    pub(crate) kind: Kind,
    pub(crate) channel: Channel,
    pub(crate) author: Author,
}
stored!(Point { at, id, context, detail, kind, channel, author });

/// On what and where: the same for most touchpoints of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Context {
    pub(crate) visitor: Sym,
    pub(crate) country: Sym,
    pub(crate) region: Sym,
    pub(crate) city: Sym,
    pub(crate) language: Sym,
    pub(crate) device: Device,
}
stored!(Context { visitor, country, region, city, language, device });

/// What few touchpoints carry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Detail {
    pub(crate) revenue: Micros,
    pub(crate) currency: Sym,
    pub(crate) order: Sym,
    pub(crate) name: Sym,
    pub(crate) source: Sym,
    pub(crate) campaign: Sym,
    pub(crate) step: Sym,
    pub(crate) rating: Option<f32>,
    pub(crate) score: Option<f32>,
    pub(crate) topics: u32,
    /// Range of its cart lines.
    pub(crate) line_start: u32,
    pub(crate) line_count: u32,
    pub(crate) scale: Scale,
    pub(crate) feeling: Feeling,
    pub(crate) friction: bool,
}
stored!(Detail {
    revenue,
    currency,
    order,
    name,
    source,
    campaign,
    step,
    rating,
    score,
    topics,
    line_start,
    line_count,
    scale,
    feeling,
    friction,
});

/// The detail of a touchpoint that has none.
pub(crate) const NOTHING: Detail = Detail {
    revenue: Micros(0),
    currency: Sym(0),
    order: Sym(0),
    name: Sym(0),
    source: Sym(0),
    campaign: Sym(0),
    step: Sym(0),
    rating: None,
    score: None,
    topics: 0,
    line_start: 0,
    line_count: 0,
    scale: Scale::None,
    feeling: Feeling::None,
    friction: false,
};

/// One line of a cart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Line {
    /// Hash of the product id; 0 of none.
    pub(crate) product: u64,
    pub(crate) price: Micros,
    pub(crate) quantity: u32,
}
stored!(Line { product, price, quantity });

/// A touchpoint with all that belongs to it: what the fold reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) point: &'a Point,
    pub(crate) context: &'a Context,
    pub(crate) detail: &'a Detail,
    pub(crate) lines: &'a [Line],
}

/// Whether a touchpoint of this kind says something about a cart's content.
pub(crate) const fn changes_cart(kind: Kind) -> bool {
    matches!(kind, Kind::AddToCart | Kind::RemoveFromCart | Kind::CartView | Kind::CheckoutStarted | Kind::CheckoutStep)
}

impl Context {
    pub(crate) fn of(touchpoint: &Touchpoint<'_>, strings: &mut Strings) -> Context {
        Context {
            visitor: strings.intern(touchpoint.visitor),
            country: strings.intern(touchpoint.country),
            region: strings.intern(touchpoint.region),
            city: strings.intern(touchpoint.city),
            language: strings.intern(touchpoint.language),
            device: touchpoint.device,
        }
    }

    /// Whether this is what [`Context::of`] would make, without looking anything up.
    #[inline]
    pub(crate) fn is_of(&self, touchpoint: &Touchpoint<'_>, strings: &Strings) -> bool {
        let same = |sym: Sym, string: &str| strings.get(sym) == string;
        self.device == touchpoint.device
            && same(self.visitor, touchpoint.visitor)
            && same(self.city, touchpoint.city)
            && same(self.region, touchpoint.region)
            && same(self.country, touchpoint.country)
            && same(self.language, touchpoint.language)
    }

    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        for sym in [self.visitor, self.country, self.region, self.city, self.language] {
            keep(sym);
        }
    }
}

impl Detail {
    /// Everything but the lines' range, which the owner of the lines fills in. What no fold would read is left out:
    /// money where nothing is bought, and the name unless a rule asks for one.
    pub(crate) fn of(touchpoint: &Touchpoint<'_>, with_name: bool, strings: &mut Strings) -> Detail {
        let kind = touchpoint.head.kind;
        let is_commerce = changes_cart(kind) || conversion_kind(kind).is_some();
        let mut only_if = |wanted: bool, string: &str| if wanted { strings.intern(string) } else { Sym(0) };
        Detail {
            revenue: if is_commerce { touchpoint.revenue } else { Micros(0) },
            currency: only_if(is_commerce, touchpoint.currency),
            order: only_if(is_commerce, touchpoint.order_id),
            name: only_if(with_name, touchpoint.name),
            source: only_if(true, touchpoint.source),
            campaign: only_if(true, touchpoint.campaign),
            step: only_if(is_commerce, touchpoint.step),
            rating: touchpoint.scale.rating_by(touchpoint.author, touchpoint.rating),
            score: touchpoint.score,
            topics: touchpoint.topics,
            line_start: 0,
            line_count: 0,
            scale: touchpoint.scale,
            feeling: touchpoint.feeling,
            friction: touchpoint.friction,
        }
    }

    pub(crate) fn mark(&self, keep: &mut dyn FnMut(Sym)) {
        for sym in [self.currency, self.order, self.name, self.source, self.campaign, self.step] {
            keep(sym);
        }
    }
}

impl Line {
    pub(crate) fn of(item: &Item<'_>) -> Line {
        let name = if item.product.is_empty() { item.name } else { item.product };
        let product = if name.is_empty() { 0 } else { xxh3_64(name.as_bytes()) };
        Line { product, price: item.price, quantity: item.quantity }
    }
}

/// The conversion a touchpoint of this kind is, if it is one.
pub(crate) const fn conversion_kind(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Purchase => Some("purchase"),
        Kind::SignUp => Some("signed_up"),
        Kind::Subscribed => Some("subscribed"),
        _ => None,
    }
}

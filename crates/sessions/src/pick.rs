//! First and last values in the total order, whatever order they are offered in.

use crate::event::Order;
use crate::intern::{Interner, Symbol};
use crumbtrail_events::EventTime;
use crumbtrail_events::wire::{Reader, WireError};

/// A copyable thing with a fixed snapshot form.
pub(crate) trait Stored: Copy {
    /// Appends it; `symbol` numbers symbols anew.
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol);
    /// Reads it back.
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError>;
    /// Marks the symbols it holds.
    fn mark(self, _: &mut Interner) {}
}

/// From a snapshot's number to the symbol.
pub(crate) type Resolve<'a> = dyn Fn(u32) -> Result<Symbol, WireError> + 'a;

macro_rules! stored {
    ($($number:ty),*) => {$(
        impl Stored for $number {
            fn save(self, out: &mut Vec<u8>, _: &mut dyn FnMut(Symbol) -> Symbol) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn load(reader: &mut Reader<'_>, _: &Resolve<'_>) -> Result<Self, WireError> {
                reader.array().map(<$number>::from_le_bytes)
            }
        }
    )*};
}
stored!(u8, i16, u32, u64, i64, f32);

impl Stored for bool {
    fn save(self, out: &mut Vec<u8>, _: &mut dyn FnMut(Symbol) -> Symbol) {
        out.push(u8::from(self));
    }
    fn load(reader: &mut Reader<'_>, _: &Resolve<'_>) -> Result<Self, WireError> {
        Ok(reader.u8()? != 0)
    }
}

impl Stored for EventTime {
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        self.0.save(out, symbol);
    }
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError> {
        i64::load(reader, symbol).map(EventTime)
    }
}

impl Stored for Symbol {
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        out.extend_from_slice(&symbol(self).0.to_le_bytes());
    }
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError> {
        symbol(u32::from_le_bytes(reader.array()?))
    }
    fn mark(self, interner: &mut Interner) {
        interner.mark(self);
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        self.0.save(out, symbol);
        self.1.save(out, symbol);
    }
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError> {
        Ok((A::load(reader, symbol)?, B::load(reader, symbol)?))
    }
    fn mark(self, interner: &mut Interner) {
        self.0.mark(interner);
        self.1.mark(interner);
    }
}

impl<T: Stored> Stored for Option<T> {
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.save(out, symbol);
        }
    }
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError> {
        Ok(if reader.u8()? == 0 { None } else { Some(T::load(reader, symbol)?) })
    }
    fn mark(self, interner: &mut Interner) {
        if let Some(value) = self {
            value.mark(interner);
        }
    }
}

/// Implements [`Stored`] field by field, in the order given.
macro_rules! stored_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::pick::Stored for $name {
            fn save(
                self,
                out: &mut Vec<u8>,
                symbol: &mut dyn FnMut($crate::intern::Symbol) -> $crate::intern::Symbol,
            ) {
                $( self.$field.save(out, symbol); )*
            }
            fn load(
                reader: &mut crumbtrail_events::wire::Reader<'_>,
                symbol: &$crate::pick::Resolve<'_>,
            ) -> Result<Self, crumbtrail_events::wire::WireError> {
                Ok($name { $( $field: $crate::pick::Stored::load(reader, symbol)?, )* })
            }
            fn mark(self, interner: &mut $crate::intern::Interner) {
                $( self.$field.mark(interner); )*
            }
        }
    };
}
pub(crate) use stored_fields;

/// The value offered with the least (`LAST = false`) or greatest (`LAST = true`) rank and place in the total order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pick<T, const LAST: bool>(Option<((u8, Order), T)>);

/// The first value.
pub(crate) type First<T> = Pick<T, false>;
/// The last value.
pub(crate) type Last<T> = Pick<T, true>;

impl<T, const LAST: bool> Default for Pick<T, LAST> {
    fn default() -> Self {
        Pick(None)
    }
}

impl<T: Copy, const LAST: bool> Pick<T, LAST> {
    /// Offers a value.
    pub(crate) fn offer(&mut self, order: Order, value: T) {
        self.offer_ranked(0, order, value);
    }

    /// Offers a value; a lower rank is first before any order.
    #[inline]
    pub(crate) fn offer_ranked(&mut self, rank: u8, order: Order, value: T) {
        let beats = match &self.0 {
            None => true,
            Some((held, _)) if LAST => (rank, order) > *held,
            Some((held, _)) => (rank, order) < *held,
        };
        if beats {
            self.0 = Some(((rank, order), value));
        }
    }

    /// Takes in what was offered to another.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if let Some(((rank, order), value)) = other.0 {
            self.offer_ranked(rank, order, value);
        }
    }

    /// The value picked.
    pub(crate) fn get(&self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }

    /// The place of the value picked.
    pub(crate) fn order(&self) -> Option<Order> {
        self.0.map(|((_, order), _)| order)
    }
}

impl<const LAST: bool> Pick<Symbol, LAST> {
    /// Offers a symbol unless it names nothing.
    #[inline]
    pub(crate) fn offer_some(&mut self, order: Order, symbol: Symbol) {
        if !symbol.is_none() {
            self.offer(order, symbol);
        }
    }

    /// The symbol picked, or none.
    pub(crate) fn symbol(&self) -> Symbol {
        self.get().unwrap_or_default()
    }
}

impl<T: Stored, const LAST: bool> Stored for Pick<T, LAST> {
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        self.0.save(out, symbol);
    }
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError> {
        Option::load(reader, symbol).map(Pick)
    }
    fn mark(self, interner: &mut Interner) {
        self.0.mark(interner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_do_not_depend_on_the_order_of_offers() {
        let offers = [(0, 5, 'e'), (1, 1, 'a'), (0, 3, 'c')];
        for turn in 0..3 {
            let (mut first, mut last) = (First::default(), Last::default());
            for i in 0..3 {
                let (rank, at, value) = offers[(i + turn) % 3];
                first.offer_ranked(rank, (EventTime(at), 0), value);
                last.offer((EventTime(at), 0), value);
            }
            assert_eq!((first.get(), last.get()), (Some('c'), Some('e')));
        }
    }
}

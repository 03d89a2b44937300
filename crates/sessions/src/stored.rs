//! How the parts of a state are written into a snapshot and read back.

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
stored!(u8, i16, i32, u32, u64, i64, f32);

impl<T: Stored + Default, const N: usize> Stored for [T; N] {
    fn save(self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        self.into_iter().for_each(|value| value.save(out, symbol));
    }
    fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Self, WireError> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::load(reader, symbol)?;
        }
        Ok(values)
    }
    fn mark(self, interner: &mut Interner) {
        self.into_iter().for_each(|value| value.mark(interner));
    }
}

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
        impl $crate::stored::Stored for $name {
            fn save(
                self,
                out: &mut Vec<u8>,
                symbol: &mut dyn FnMut($crate::intern::Symbol) -> $crate::intern::Symbol,
            ) {
                $( self.$field.save(out, symbol); )*
            }
            fn load(
                reader: &mut crumbtrail_events::wire::Reader<'_>,
                symbol: &$crate::stored::Resolve<'_>,
            ) -> Result<Self, crumbtrail_events::wire::WireError> {
                Ok($name { $( $field: $crate::stored::Stored::load(reader, symbol)?, )* })
            }
            fn mark(self, interner: &mut $crate::intern::Interner) {
                $( self.$field.mark(interner); )*
            }
        }
    };
}
pub(crate) use stored_fields;

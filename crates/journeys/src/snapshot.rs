//! How the state is stored: a version, then every field in a fixed order. Same state, same bytes.

use crumbtrail_events::vocabulary::{Author, Channel, Device, Feeling, Scale};
use crumbtrail_events::wire::{Reader, WireError, put_signed, put_varint};
use crumbtrail_events::{EventTime, Key, Kind, Micros};
use smallvec::{Array, SmallVec};

use crate::strings::Sym;

/// The format this build writes and reads.
pub(crate) const VERSION: u8 = 4;

/// What can be written into a snapshot and read back.
pub(crate) trait Stored: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(reader: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// Stores the named fields of a struct in the order given.
macro_rules! stored {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::snapshot::Stored for $name {
            fn put(&self, out: &mut Vec<u8>) {
                // Without `..`: a field that is forgotten here does not compile.
                let $name { $($field),* } = self;
                $( $crate::snapshot::Stored::put($field, out); )*
            }
            fn get(reader: &mut crumbtrail_events::wire::Reader<'_>) -> Result<Self, crumbtrail_events::wire::WireError> {
                $( let $field = $crate::snapshot::Stored::get(reader)?; )*
                Ok($name { $($field),* })
            }
        }
    };
}
pub(crate) use stored;

impl Stored for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn get(reader: &mut Reader<'_>) -> Result<u8, WireError> {
        reader.u8()
    }
}

impl Stored for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(reader: &mut Reader<'_>) -> Result<bool, WireError> {
        Ok(reader.u8()? != 0)
    }
}

impl Stored for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(*self));
    }
    fn get(reader: &mut Reader<'_>) -> Result<u32, WireError> {
        u32::try_from(reader.varint()?).map_err(|_| WireError::Malformed("number too large"))
    }
}

/// Mostly hashes: eight bytes are fewer than a varint's ten.
impl Stored for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn get(reader: &mut Reader<'_>) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(reader.array()?))
    }
}

impl Stored for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, *self);
    }
    fn get(reader: &mut Reader<'_>) -> Result<i64, WireError> {
        reader.signed()
    }
}

impl Stored for f32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn get(reader: &mut Reader<'_>) -> Result<f32, WireError> {
        Ok(f32::from_le_bytes(reader.array()?))
    }
}

impl Stored for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn get(reader: &mut Reader<'_>) -> Result<f64, WireError> {
        Ok(f64::from_le_bytes(reader.array()?))
    }
}

impl Stored for Key {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }
    fn get(reader: &mut Reader<'_>) -> Result<Key, WireError> {
        Ok(Key(u128::from_le_bytes(reader.array()?)))
    }
}

macro_rules! wrapped {
    ($($name:ident),*) => {$(
        impl Stored for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }
            fn get(reader: &mut Reader<'_>) -> Result<$name, WireError> {
                Stored::get(reader).map($name)
            }
        }
    )*};
}
wrapped!(EventTime, Micros, Sym);

macro_rules! coded {
    ($($name:ident),*) => {$(
        impl Stored for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }
            fn get(reader: &mut Reader<'_>) -> Result<$name, WireError> {
                $name::from_code(reader.u8()?).ok_or(WireError::Malformed(concat!("unknown ", stringify!($name))))
            }
        }
    )*};
}
coded!(Author, Channel, Device, Feeling, Kind, Scale);

impl<T: Stored> Stored for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(reader: &mut Reader<'_>) -> Result<Option<T>, WireError> {
        if bool::get(reader)? { T::get(reader).map(Some) } else { Ok(None) }
    }
}

impl<T: Stored> Stored for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Box<T>, WireError> {
        T::get(reader).map(Box::new)
    }
}

fn put_all<T: Stored>(items: &[T], out: &mut Vec<u8>) {
    put_varint(out, items.len() as u64);
    for item in items {
        item.put(out);
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self, out);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Vec<T>, WireError> {
        let len = reader.varint()? as usize;
        // Every item takes at least a byte, so a damaged length cannot ask for more memory than the bytes there are.
        let mut items = Vec::with_capacity(len.min(reader.rest().len()));
        for _ in 0..len {
            items.push(T::get(reader)?);
        }
        Ok(items)
    }
}

impl<A: Array> Stored for SmallVec<A>
where
    A::Item: Stored,
{
    fn put(&self, out: &mut Vec<u8>) {
        put_all(self, out);
    }
    fn get(reader: &mut Reader<'_>) -> Result<SmallVec<A>, WireError> {
        let mut items = SmallVec::new();
        for _ in 0..reader.varint()? {
            items.push(A::Item::get(reader)?);
        }
        Ok(items)
    }
}

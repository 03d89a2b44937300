//! How each kind of field becomes bytes and comes back.

use super::aside::Role;
use super::items::Items;
use crate::money::Micros;
use crate::vocabulary::{Author, Channel, Device, Feeling, Says, Scale};
use crate::wire::{Reader, WireError, put_bytes, put_signed, put_varint};

/// One way to write a value. `base` is the touchpoint's event time, ms.
pub(super) trait Codec<'a> {
    /// What the touchpoint holds.
    type Value: Copy + Default;
    /// Whether nothing need be written.
    fn is_absent(value: &Self::Value) -> bool;
    /// Appends it.
    fn put(value: &Self::Value, base: i64, out: &mut Vec<u8>);
    /// Reads it back.
    fn get(reader: &mut Reader<'a>, base: i64) -> Result<Self::Value, WireError>;
}

/// A time, ms since the epoch, as the way from the event time: mostly a byte or two. 0 is absent.
pub(super) struct Near;

impl<'a> Codec<'a> for Near {
    type Value = i64;
    #[inline]
    fn is_absent(value: &i64) -> bool {
        *value == 0
    }
    #[inline]
    fn put(value: &i64, base: i64, out: &mut Vec<u8>) {
        put_way(out, value.wrapping_sub(base));
    }
    #[inline]
    fn get(reader: &mut Reader<'a>, base: i64) -> Result<i64, WireError> {
        Ok(reader.signed()?.wrapping_add(base))
    }
}

/// A hash: eight bytes, for varints of it would be ten. 0 is absent.
pub(super) struct Whole;

impl<'a> Codec<'a> for Whole {
    type Value = u64;
    #[inline]
    fn is_absent(value: &u64) -> bool {
        *value == 0
    }
    #[inline]
    fn put(value: &u64, _: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }
    #[inline]
    fn get(reader: &mut Reader<'a>, _: i64) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(reader.array()?))
    }
}

/// A codec whose value is its own type: absent is the default, `put` and `get` are as given.
macro_rules! codecs {
    ($($type:ty, |$value:ident, $out:ident| $put:expr, |$reader:ident| $get:expr;)*) => {$(
        impl<'a> Codec<'a> for $type {
            type Value = $type;
            #[inline]
            fn is_absent(value: &$type) -> bool {
                *value == <$type>::default()
            }
            #[inline]
            fn put($value: &$type, _: i64, $out: &mut Vec<u8>) {
                $put
            }
            #[inline]
            fn get($reader: &mut Reader<'a>, _: i64) -> Result<$type, WireError> {
                $get
            }
        }
    )*};
}

/// Called, not inlined: see `section.rs`.
#[inline(never)]
fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_bytes(out, text);
}

#[inline(never)]
fn put_number(out: &mut Vec<u8>, value: u64) {
    put_varint(out, value);
}

#[inline(never)]
fn put_way(out: &mut Vec<u8>, value: i64) {
    put_signed(out, value);
}

macro_rules! words {
    ($($name:ident),*) => {
        codecs! {$(
            $name,
            |value, out| out.push(*value as u8),
            |reader| $name::from_code(reader.u8()?).ok_or(WireError::Malformed(concat!("unknown ", stringify!($name))));
        )*}
    };
}
words!(Author, Channel, Device, Feeling, Role, Says, Scale);

codecs! {
    &'a str, |value, out| put_text(out, value.as_bytes()), |reader| reader.str();
    u64, |value, out| put_number(out, *value), |reader| reader.varint();
    u32, |value, out| put_number(out, u64::from(*value)), |reader| reader.varint_u32();
    // Presence says it all.
    bool, |_value, _out| {}, |_reader| Ok(true);
    Option<f32>,
        |value, out| out.extend_from_slice(&value.unwrap_or_default().to_le_bytes()),
        |reader| Ok(Some(f32::from_le_bytes(reader.array()?)));
    Micros, |value, out| put_way(out, value.0), |reader| reader.signed().map(Micros);
    Items<'a>, |value, out| put_text(out, value.0), |reader| reader.bytes().map(Items);
}

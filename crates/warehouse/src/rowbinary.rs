//! Values as ClickHouse's RowBinary: little-endian numbers, varint lengths, a byte before what may be NULL.
//!
//! Format: <https://clickhouse.com/docs/interfaces/formats/RowBinary>.

use crate::version::RowVersion;
use crumbtrail_events::touchpoint::{Fences, Items};
use crumbtrail_events::wire::{put_bytes, put_varint};
use crumbtrail_events::{EventTime, Key, Micros};
use crumbtrail_sessions::rows::{PageGroups, StoreStays};

/// One column of a table, as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type as DESCRIBE prints it.
    pub type_name: &'static str,
}

/// What DateTime64(3) can hold: 1900-01-01 to 2299-12-31, ms since the epoch.
const TIME_RANGE: (i64, i64) = (-2_208_988_800_000, 10_413_791_999_999);

/// A value that knows its RowBinary bytes.
pub trait Cell {
    /// Appends the bytes.
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Cell for $number {
            #[inline]
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
numbers!(u8, u32, u64, i64, f32);

impl Cell for bool {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }
}

impl Cell for &str {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        // Of a touchpoint's strings most are empty.
        if self.is_empty() { out.push(0) } else { put_bytes(out, self.as_bytes()) }
    }
}

/// A time as a column holds it, ms.
#[inline]
#[must_use]
pub fn stored_ms(time: EventTime) -> i64 {
    time.0.clamp(TIME_RANGE.0, TIME_RANGE.1)
}

impl Cell for EventTime {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        stored_ms(self).put(out);
    }
}

impl Cell for Micros {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl Cell for Key {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        // Big-endian, so that hex() of the column prints the key as `Key::to_hex` does.
        out.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl Cell for RowVersion {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl<T: Cell> Cell for Option<T> {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        match self {
            Some(value) => {
                out.push(0);
                value.put(out);
            }
            None => out.push(1),
        }
    }
}

impl Cell for &[u64] {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        for value in self {
            value.put(out);
        }
    }
}

impl Cell for Items<'_> {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        if self.is_empty() {
            out.push(0);
            return;
        }
        put_varint(out, self.iter().count() as u64);
        for item in self.iter() {
            item.product.put(out);
            item.name.put(out);
            item.category.put(out);
            item.price.put(out);
            item.quantity.put(out);
        }
    }
}

impl Cell for PageGroups<'_> {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        for (group, count) in self.iter() {
            group.put(out);
            count.put(out);
        }
    }
}

impl Cell for StoreStays<'_> {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        for stay in self.iter() {
            stay.store.put(out);
            stay.entered_at.put(out);
            stay.left_at.put(out);
            (stay.inside_ms.max(0) as u64).put(out);
            stay.is_dwell.put(out);
            stay.visit_count.put(out);
        }
    }
}

impl Cell for Fences<'_> {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        if self.is_empty() {
            out.push(0);
            return;
        }
        put_varint(out, 1 + self.near().count() as u64);
        self.inside().put(out);
        self.near().for_each(|store| store.put(out));
    }
}

/// A time in ms where 0 means unknown.
#[inline]
pub(crate) fn millis(ms: i64) -> Option<EventTime> {
    (ms != 0).then_some(EventTime(ms))
}

/// Milliseconds between two times, if the second has come.
#[inline]
pub(crate) fn span(from: EventTime, to: Option<EventTime>) -> Option<i64> {
    to.map(|to| to.since(from))
}

/// Makes `COLUMNS` and the encoder from one list, so that names, types and bytes cannot drift apart in order.
macro_rules! columns {
    (
        $(#[$doc:meta])*
        pub fn $encode:ident($row:ident: $row_type:ty $(, $version:ident: $version_type:ty)?) {
            $($short:ident => $source:expr;)?
            $($name:literal: $type_name:literal = $value:expr;)+
        }
    ) => {
        /// The columns in the order their values are sent.
        pub const COLUMNS: &[$crate::rowbinary::Column] =
            &[$($crate::rowbinary::Column { name: $name, type_name: $type_name }),+];

        $(#[$doc])*
        pub fn $encode($row: $row_type $(, $version: $version_type)?, out: &mut Vec<u8>) {
            $(let $short = $source;)?
            $($crate::rowbinary::Cell::put($value, out);)+
        }
    };
}
pub(crate) use columns;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(cell: impl Cell) -> Vec<u8> {
        let mut out = Vec::new();
        cell.put(&mut out);
        out
    }

    #[test]
    fn values_have_the_bytes_of_the_format() {
        assert_eq!(bytes("ab"), [2, b'a', b'b']);
        assert_eq!(bytes(Some(1u32)), [0, 1, 0, 0, 0]);
        assert_eq!(bytes(None::<f32>), [1]);
        assert_eq!(bytes(&[5u64, 6][..]).len(), 17);
        assert_eq!(bytes(Key(1)), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bytes(true), [1]);
        assert_eq!(bytes(Fences("a\nb")), [2, 1, b'a', 1, b'b']);
        assert_eq!((bytes(Fences("")), bytes(Fences("\n"))), (vec![0], vec![1, 0]));
    }

    #[test]
    fn times_outside_the_column_are_clamped_into_it() {
        assert_eq!(bytes(EventTime::MIN), TIME_RANGE.0.to_le_bytes());
        assert_eq!(bytes(EventTime::MAX), TIME_RANGE.1.to_le_bytes());
        assert_eq!(bytes(EventTime(5)), 5i64.to_le_bytes());
    }
}

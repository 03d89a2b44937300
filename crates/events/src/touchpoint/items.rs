//! The lines of a cart or an order, kept as bytes.

use crate::money::Micros;
use crate::wire::{Reader, WireError, put_bytes, put_signed, put_varint};

/// One line of a cart or an order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Item<'a> {
    /// Product id.
    pub product: &'a str,
    /// Product name.
    pub name: &'a str,
    /// Category.
    pub category: &'a str,
    /// Price of one.
    pub price: Micros,
    /// How many.
    pub quantity: u32,
}

/// The lines of a cart or an order, still as bytes: a list that is iterated, never collected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Items<'a>(pub(super) &'a [u8]);

impl<'a> Items<'a> {
    /// Appends `item` to an item buffer.
    pub fn push(buffer: &mut Vec<u8>, item: &Item<'_>) {
        put_bytes(buffer, item.product.as_bytes());
        put_bytes(buffer, item.name.as_bytes());
        put_bytes(buffer, item.category.as_bytes());
        put_signed(buffer, item.price.0);
        put_varint(buffer, u64::from(item.quantity));
    }

    /// The items in a buffer filled by [`Items::push`].
    #[must_use]
    pub const fn from_buffer(buffer: &'a [u8]) -> Items<'a> {
        Items(buffer)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items in order; damaged bytes end the iteration.
    pub fn iter(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let mut read = || -> Result<Item<'a>, WireError> {
                Ok(Item {
                    product: reader.str()?,
                    name: reader.str()?,
                    category: reader.str()?,
                    price: Micros(reader.signed()?),
                    quantity: reader.varint_u32()?,
                })
            };
            read().ok()
        })
    }
}

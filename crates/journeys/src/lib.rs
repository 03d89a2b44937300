//! Journeys: the stages a person moves through, conversions and carts.
#![forbid(unsafe_code)]

pub mod rows;

//! Sessions and conversations: where they are cut, and what their rows say.
#![forbid(unsafe_code)]

pub mod rows;

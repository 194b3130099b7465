//! The door of records: what comes in, once, whole, and as it was sent.

mod door;
mod faults;
mod formats;
pub(super) mod kit;
mod merge;
mod refusals;

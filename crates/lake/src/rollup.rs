//! Roll-ups: what is left of history when its instances are no longer kept.
//!
//! A row stands for the instances of one series in one period. It can be merged with another of the
//! same period, and periods with each other into a coarser one, and nothing is lost that it says.

mod cell;
mod filter;
mod merge;
pub mod schema;
mod sheets;
mod sketch;
mod write;

pub use schema::schema;
pub use sketch::{RELATIVE_ERROR, Sketch, quantile};

pub(crate) use filter::{attributes, filtered, texts};
pub(crate) use merge::{Target, roll};
pub(crate) use sheets::Trail;

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

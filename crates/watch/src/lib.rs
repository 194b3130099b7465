//! What the city is like now: measures with their usual range, and what needs attention.

pub mod error;
pub mod now;

pub use error::WatchError;
pub use now::{
    Acknowledged, Attention, Code, Counts, FeedCondition, FeedFailure, FeedState, Freshness,
    Measure, Now, Range, Severity, Status, Usual,
};

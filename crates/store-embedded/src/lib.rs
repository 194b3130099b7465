//! The embedded store: a log of deltas on disk, compact indexed state in memory.
//!
//! - `log`: records in, durable and in order; the same records out, after any crash.
//! - [`state`]: what is so now, in memory, with its indexes; `checkpoint`: the same in a file.
//! - `history`: what was so.
//! - `engine`: [`EmbeddedStore`], which is a [`ports::Store`]: commits batches to the log, applies
//!   them, takes checkpoints.
//! - [`check`](fn@check), [`repair`](fn@repair), [`restore`]: for a store that no process has open.
//!
//! The log is the store: all else follows from it, and what follows is rebuilt from it.

mod backup;
mod check;
mod checkpoint;
mod engine;
mod error;
pub mod files;
mod history;
mod log;
mod repair;
pub mod state;

pub use backup::restore;
pub use check::{Finding, Report, check};
pub use engine::{EmbeddedStore, Health, Opened, Progress, Settings};
pub use error::Error;
pub use log::{LogSettings, TornTail};
pub use repair::{Repair, repair};

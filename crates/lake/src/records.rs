//! Records: bulk facts without identity, in tables with a declared schema.
//!
//! - [`table`]: what a table looks like.
//! - `decode`, `cells`, `check`: from the bytes of a batch to rows that are right.
//! - `intake`, `files`: from rows to files, by day and in order.
//! - [`door`]: how a batch comes in, once and durable.
//! - [`catalog`]: which tables there are.
//! - [`rows`], `render`: reading back.
//! - `merge`: small files become one.
//! - [`pieces`]: a file of somebody's, cut into batches.
//!
//! **Invariant:** a batch is acknowledged when its files, the edit of the manifest that names them
//! and the doc that remembers its id are on disk, the latter two by one commit. A batch that is not
//! acknowledged leaves no row.

pub mod catalog;
mod cells;
mod check;
pub mod decode;
pub mod door;
pub mod error;
mod files;
mod intake;
pub mod limits;
mod memory;
mod merge;
pub mod pieces;
pub(crate) mod render;
pub mod rows;
pub mod table;
mod together;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

pub use catalog::Declared;
pub use decode::Format;
pub use door::{Batch, Receipt};
pub use error::RecordError;
pub use table::{Column, ColumnType, Definition, RecordTable};

use catalog::Live;
use memory::Memory;
pub(crate) use merge::start;
use together::Together;

/// The tables of records of a node, and what is under way into them.
#[derive(Debug, Default)]
pub struct Records {
    /// By tenant and name.
    tables: RwLock<BTreeMap<(String, String), Arc<Live>>>,
    /// Held while a table is declared or deleted.
    declaring: tokio::sync::Mutex<()>,
    memory: Memory,
    /// Batches that are coming in: id of the table, id of the batch.
    under_way: Arc<Mutex<BTreeSet<(String, String)>>>,
    together: Together,
    /// Wakes whoever merges files.
    appended: tokio::sync::Notify,
}

//! Files of a real city: GTFS, GTFS-Realtime, OpenStreetMap, CSV, NGSI-LD; decoded and mapped to
//! entities.
//!
//! An importer is pure: it reads a [`Source`] and hands NGSI-LD entities to a [`Sink`] in bounded
//! batches; what it cannot use it says in a [`Complaint`] with file, line and reason, and goes on.
//! Only a container that cannot be read as a whole ends an import, and then before anything was
//! handed on. The same file gives the same ids and values every time.
//!
//! Start reading at [`import::run`].

pub mod documents;
pub mod entity;
pub mod gtfs;
pub mod gtfs_rt;
pub mod import;
pub mod osm;
pub mod out;
pub mod records;
pub mod rows;
pub mod source;
mod table;
pub mod tabular;
pub mod vocabulary;
mod wire;

mod error;
#[cfg(test)]
mod testing;

pub use error::ImportError;
pub use import::{Format, Options, run};
pub use out::{Complaint, Progress, Quiet, Refused, Report, Sink};
pub use source::Source;

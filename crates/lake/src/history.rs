//! Sealed history as Parquet: [`schema`] says what a row looks like.

pub mod detail;
pub mod merge;
pub mod read;
pub mod rows;
pub mod scan;
pub mod schema;
pub mod settle;
pub mod write;

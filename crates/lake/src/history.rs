//! Sealed history as Parquet: [`schema`] says what a row looks like.

mod cache;
pub mod detail;
pub mod merge;
pub mod read;
pub mod rows;
pub mod scan;
pub mod schema;
pub mod settle;
pub mod write;

//! Sealed history as Parquet: [`schema`] says what a row looks like.

pub mod detail;
pub mod read;
pub mod schema;
pub mod write;

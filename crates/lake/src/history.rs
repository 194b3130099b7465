//! Sealed history as Parquet: [`schema`] says what a row looks like.

pub mod schema;

//! The columns of history.
//!
//! Rows are ordered by `entity`, `attribute_uri`, `dataset` (none first), `time`, `seq`, `place`. Each
//! row is one instance that counts: whoever reads all files of the manifest, by whatever engine, has
//! the history, none of it twice.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The schema of a file of history.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            // The entity's URI.
            Field::new("entity", DataType::Utf8, false),
            // Its first type, as the last part of the expanded name, and whole.
            Field::new("type", DataType::Utf8, false),
            Field::new("type_uri", DataType::Utf8, false),
            // The attribute, likewise.
            Field::new("attribute", DataType::Utf8, false),
            Field::new("attribute_uri", DataType::Utf8, false),
            // Its `datasetId`; none: the default one.
            Field::new("dataset", DataType::Utf8, true),
            // By what the rows of a series are ordered: `observedAt`, else `modifiedAt`.
            Field::new("time", time(), false),
            // Whether that is `observedAt`.
            Field::new("observed", DataType::Boolean, false),
            // `modifiedAt`, of a deletion `deletedAt`.
            Field::new("modified_at", time(), false),
            Field::new("created_at", time(), false),
            // The value, if it is a number (a boolean is none).
            Field::new("number", DataType::Float64, true),
            // The value otherwise: a text as it is, all else as JSON.
            Field::new("text", DataType::Utf8, true),
            // What kind of row it is: see the constants below.
            Field::new("kind", DataType::Int8, false),
            Field::new("unit", DataType::Utf8, true),
            Field::new("value_type", DataType::Utf8, true),
            // The whole attribute, where the columns above do not say all of it.
            Field::new("detail", DataType::Binary, true),
            // The instance's identity: the change that brought it, its place there.
            Field::new("seq", DataType::Int64, false),
            Field::new("place", DataType::Int32, false),
            // The change that wrote it, when the instance was replaced; none: the same.
            Field::new("arrived_seq", DataType::Int64, true),
            Field::new("arrived_place", DataType::Int32, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// `kind`: a bare whole number, exact in `number`.
pub const INT: i8 = 0;
/// `kind`: a bare number.
pub const FLOAT: i8 = 1;
/// `kind`: the attribute was deleted; there is no value.
pub const DELETED: i8 = 2;
/// `kind`: all is in `detail`; `number` or `text` hold the value too.
pub const WIDE: i8 = 3;

/// `kind`: a bare text, as it is in `text`.
pub const TEXT: i8 = 4;

/// The last part of an expanded name: what stands behind its last `/`, `#` or `:`.
pub fn short(uri: &str) -> &str {
    uri.rsplit(['/', '#', ':']).next().unwrap_or(uri)
}

//! The columns of roll-ups.
//!
//! Rows are ordered by `entity`, `attribute_uri`, `dataset` (none first), `time`, `observed`, `unit`
//! (none first), numbers before the rest. A series has one row a period, or one for each `observed`,
//! each `unit`, and for what is no number.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The members of a bucket of a sketch.
pub(crate) fn bucket() -> Fields {
    Fields::from(vec![
        // Which: see [`crate::rollup::Sketch`].
        Field::new("bucket", DataType::Int32, false),
        // How many numbers fell into it.
        Field::new("count", DataType::Int64, false),
    ])
}

/// An element of a sketch.
pub(crate) fn element() -> Field {
    Field::new("element", DataType::Struct(bucket()), false)
}

/// The schema of a file of roll-ups. Of a row without numbers all from `min` to `last` and the
/// sketch are none.
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
            // When the period begins.
            Field::new("time", time(), false),
            // Whether the instances had `observedAt`; else they were ordered by `modifiedAt`.
            Field::new("observed", DataType::Boolean, false),
            // Their `unitCode`.
            Field::new("unit", DataType::Utf8, true),
            // How many instances there were; greater than zero.
            Field::new("count", DataType::Int64, false),
            Field::new("min", DataType::Float64, true),
            Field::new("max", DataType::Float64, true),
            Field::new("mean", DataType::Float64, true),
            Field::new("sum", DataType::Float64, true),
            Field::new("sum_of_squares", DataType::Float64, true),
            // The number that came last.
            Field::new("last", DataType::Float64, true),
            // When that was, or what is in `last_text`.
            Field::new("last_at", time(), false),
            // Of a row without numbers: the value that came last, a text as it is, all else as JSON.
            Field::new("last_text", DataType::Utf8, true),
            // How the numbers are spread: buckets in ascending order.
            Field::new("sketch", DataType::List(Arc::new(element())), true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

//! Rows as text: lines of JSON, an array of it, delimited text; or as Arrow's stream.

use std::io::Write as _;

use arrow::array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::ipc::writer::StreamWriter;
use base::{Kind, Time};

use super::error::RecordError;
use super::table::{ColumnType, RecordTable};
use super::values::{base64_text, date_text, decimal_text, h3_text};

/// How rows are read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An array of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// Delimited text with a header line.
    Csv,
    /// Arrow's stream.
    Arrow,
}

impl Shape {
    /// The word in `format`, the media type.
    pub(crate) const ALL: [(&'static str, &'static str, Self); 4] = [
        ("json", "application/json", Self::Json),
        ("ndjson", "application/x-ndjson", Self::Ndjson),
        ("csv", "text/csv", Self::Csv),
        ("arrow", "application/vnd.apache.arrow.stream", Self::Arrow),
    ];

    /// The media type.
    pub(crate) fn media(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, _, shape)| *shape == self)
            .map_or("", |(_, media, _)| *media)
    }
}

fn defect(error: &dyn std::fmt::Display) -> RecordError {
    RecordError::Lake {
        kind: Kind::Internal,
        reason: error.to_string(),
    }
}

/// The rows in a shape.
pub(crate) fn render(
    table: &RecordTable,
    rows: &RecordBatch,
    shape: Shape,
) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::with_capacity(rows.num_rows() * 64 + 256);
    match shape {
        Shape::Arrow => {
            let writer = StreamWriter::try_new(&mut out, &rows.schema());
            let written = writer.and_then(|mut writer| {
                writer.write(rows)?;
                writer.finish()
            });
            written.map_err(|error| defect(&error))?;
        }
        Shape::Csv => {
            let names = table.columns().iter().map(|column| column.name.as_str());
            out.extend_from_slice(names.collect::<Vec<_>>().join(",").as_bytes());
            out.push(b'\n');
            for row in 0..rows.num_rows() {
                csv_line(table, rows, row, &mut out);
            }
        }
        Shape::Ndjson => {
            for row in 0..rows.num_rows() {
                object(table, rows, row, &mut out)?;
                out.push(b'\n');
            }
        }
        Shape::Json => {
            out.push(b'[');
            for row in 0..rows.num_rows() {
                if row > 0 {
                    out.extend_from_slice(b",\n");
                }
                object(table, rows, row, &mut out)?;
            }
            out.extend_from_slice(b"]\n");
        }
    }
    Ok(out)
}

/// A value as text, and whether JSON writes it in quotes.
fn text(kind: ColumnType, values: &ArrayRef, row: usize) -> (String, bool) {
    match kind {
        ColumnType::Bool => (values.as_boolean().value(row).to_string(), false),
        ColumnType::Int32 => (
            values.as_primitive::<Int32Type>().value(row).to_string(),
            false,
        ),
        ColumnType::Int64 => (
            values.as_primitive::<Int64Type>().value(row).to_string(),
            false,
        ),
        ColumnType::Float64 | ColumnType::Longitude | ColumnType::Latitude => {
            let number = values.as_primitive::<Float64Type>().value(row);
            // The shortest text that reads back as the same number.
            (format!("{number:?}"), false)
        }
        ColumnType::Text => (values.as_string::<i32>().value(row).to_owned(), true),
        ColumnType::Timestamp => {
            let micros = values.as_primitive::<TimestampMicrosecondType>().value(row);
            (Time(micros).to_string(), true)
        }
        ColumnType::Date => (
            date_text(values.as_primitive::<Date32Type>().value(row)),
            true,
        ),
        ColumnType::Decimal { scale, .. } => {
            let digits = values.as_primitive::<Decimal128Type>().value(row);
            (decimal_text(digits, scale), true)
        }
        ColumnType::Binary => (base64_text(values.as_binary::<i32>().value(row)), true),
        ColumnType::H3 => (h3_text(values.as_primitive::<Int64Type>().value(row)), true),
    }
}

fn object(
    table: &RecordTable,
    rows: &RecordBatch,
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), RecordError> {
    for (place, (column, values)) in table.columns().iter().zip(rows.columns()).enumerate() {
        out.push(if place == 0 { b'{' } else { b',' });
        // A name is letters, digits and `_`.
        let written = write!(out, "\"{}\":", column.name);
        written.map_err(|error| defect(&error))?;
        if values.is_null(row) {
            out.extend_from_slice(b"null");
            continue;
        }
        let (text, is_quoted) = text(column.kind, values, row);
        if is_quoted {
            serde_json::to_writer(&mut *out, &text).map_err(|error| defect(&error))?;
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.push(b'}');
    Ok(())
}

fn csv_line(table: &RecordTable, rows: &RecordBatch, row: usize, out: &mut Vec<u8>) {
    for (place, (column, values)) in table.columns().iter().zip(rows.columns()).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        if values.is_null(row) {
            continue;
        }
        let (text, _) = text(column.kind, values, row);
        let needs_quotes = text.is_empty() || text.contains([',', '"', '\n', '\r']);
        if needs_quotes {
            out.push(b'"');
            out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.push(b'\n');
}

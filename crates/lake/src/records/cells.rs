//! Columns that are filled value by value, from text or from JSON.

use std::sync::Arc;

use arrow::array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int32Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::array::{ArrayRef, RecordBatch};
use base::Time;

use super::error::RecordError;
use super::table::{ColumnType, RecordTable};
use super::values;

/// The values of a column, one after the other.
#[derive(Debug)]
enum Filling {
    Bool(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Decimal(Decimal128Builder, u8, u8),
    Binary(BinaryBuilder),
    H3(Int64Builder),
}

impl Filling {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Int32 => Self::Int32(Int32Builder::new()),
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::H3 => Self::H3(Int64Builder::new()),
            ColumnType::Float64 | ColumnType::Longitude | ColumnType::Latitude => {
                Self::Float64(Float64Builder::new())
            }
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Decimal { precision, scale } => {
                let builder = Decimal128Builder::new().with_data_type(kind.arrow());
                Self::Decimal(builder, precision, scale)
            }
            ColumnType::Binary => Self::Binary(BinaryBuilder::new()),
        }
    }
}

/// A column that is being filled.
#[derive(Debug)]
struct Cells {
    kind: ColumnType,
    filling: Filling,
}

/// A value as JSON has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a str),
}

impl Cells {
    fn push_null(&mut self) {
        match &mut self.filling {
            Filling::Bool(b) => b.append_null(),
            Filling::Int32(b) => b.append_null(),
            Filling::Int64(b) | Filling::H3(b) => b.append_null(),
            Filling::Float64(b) => b.append_null(),
            Filling::Text(b) => b.append_null(),
            Filling::Timestamp(b) => b.append_null(),
            Filling::Date(b) => b.append_null(),
            Filling::Decimal(b, ..) => b.append_null(),
            Filling::Binary(b) => b.append_null(),
        }
    }

    /// Appends what the text says. Returns how many bytes it takes, or why it says nothing.
    fn push_text(&mut self, text: &str) -> Result<usize, String> {
        let kind = self.kind;
        let no = || refusal(&text, kind);
        match &mut self.filling {
            Filling::Bool(b) => b.append_value(match text {
                "true" => true,
                "false" => false,
                _ => return Err(no()),
            }),
            Filling::Int32(b) => b.append_value(whole(text).ok_or_else(no)?),
            Filling::Int64(b) => b.append_value(whole(text).ok_or_else(no)?),
            Filling::Float64(b) => b.append_value(values::number(text).ok_or_else(no)?),
            Filling::Text(b) => b.append_value(text),
            Filling::Timestamp(b) => {
                let time = Time::parse(text).map_err(|error| error.to_string())?;
                b.append_value(time.as_micros());
            }
            Filling::Date(b) => b.append_value(values::date(text).ok_or_else(no)?),
            Filling::Decimal(b, precision, scale) => {
                b.append_value(values::decimal(text, *precision, *scale).ok_or_else(no)?);
            }
            Filling::Binary(b) => b.append_value(values::base64(text).ok_or_else(no)?),
            Filling::H3(b) => b.append_value(values::h3(text).ok_or_else(no)?),
        }
        Ok(8 + text.len())
    }

    fn push_json(&mut self, value: Json<'_>) -> Result<usize, String> {
        let kind = self.kind;
        match (&mut self.filling, value) {
            (_, Json::Null) => self.push_null(),
            (Filling::Bool(b), Json::Bool(value)) => b.append_value(value),
            (Filling::Int32(b), Json::Int(value)) => {
                let value = i32::try_from(value).map_err(|_large| refusal(&value, kind))?;
                b.append_value(value);
            }
            (Filling::Int64(b), Json::Int(value)) => b.append_value(value),
            (Filling::Float64(b), Json::Float(value)) => b.append_value(value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number without a point is one of a column of floats too"
            )]
            (Filling::Float64(b), Json::Int(value)) => b.append_value(value as f64),
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            (Filling::Float64(b), Json::Uint(value)) => b.append_value(value as f64),
            (Filling::Decimal(..), Json::Int(value)) => return self.push_text(&value.to_string()),
            (Filling::Decimal(..), Json::Float(value)) => {
                // What has so few digits is exact in a float, and is written as it was.
                let text = value.to_string();
                if text.bytes().filter(u8::is_ascii_digit).count() > 15 {
                    return Err(format!(
                        "{text} has more digits than a JSON number keeps: write it as text"
                    ));
                }
                return self.push_text(&text);
            }
            (
                Filling::Text(_)
                | Filling::Timestamp(_)
                | Filling::Date(_)
                | Filling::Decimal(..)
                | Filling::Binary(_)
                | Filling::H3(_),
                Json::Text(text),
            ) => return self.push_text(text),
            (_, Json::Text(text)) => return Err(refusal(&format_args!("\"{text}\""), kind)),
            (_, Json::Bool(value)) => return Err(refusal(&value, kind)),
            (_, Json::Int(value)) => return Err(refusal(&value, kind)),
            (_, Json::Uint(value)) => return Err(refusal(&value, kind)),
            (_, Json::Float(value)) => return Err(refusal(&value, kind)),
        }
        Ok(8)
    }

    fn finish(&mut self) -> ArrayRef {
        match &mut self.filling {
            Filling::Bool(b) => Arc::new(b.finish()),
            Filling::Int32(b) => Arc::new(b.finish()),
            Filling::Int64(b) | Filling::H3(b) => Arc::new(b.finish()),
            Filling::Float64(b) => Arc::new(b.finish()),
            Filling::Text(b) => Arc::new(b.finish()),
            Filling::Timestamp(b) => Arc::new(b.finish()),
            Filling::Date(b) => Arc::new(b.finish()),
            Filling::Decimal(b, ..) => Arc::new(b.finish()),
            Filling::Binary(b) => Arc::new(b.finish()),
        }
    }
}

/// A whole number without a plus sign or blanks.
fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    (!text.starts_with('+')).then(|| text.parse().ok())?
}

fn refusal(value: &dyn std::fmt::Display, kind: ColumnType) -> String {
    let text = value.to_string();
    let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
    let (what, hint) = match kind {
        ColumnType::Bool => ("bool", ": write true or false"),
        ColumnType::Int32 => ("int32", ""),
        ColumnType::Int64 => ("int64", ""),
        ColumnType::Float64 | ColumnType::Longitude | ColumnType::Latitude => ("number", ""),
        ColumnType::Text => ("text", ""),
        ColumnType::Timestamp => ("timestamp", ": write 2026-11-22T08:30:00Z"),
        ColumnType::Date => ("date", ": write 2026-11-22"),
        ColumnType::Decimal { .. } => return format!("'{shown}' is no {kind}"),
        ColumnType::Binary => ("binary", ": write base64"),
        ColumnType::H3 => ("h3 cell", ": write it in hexadecimal, as 8928308280fffff"),
    };
    format!("'{shown}' is no {what}{hint}")
}

/// Rows that are being filled, of one table.
#[derive(Debug)]
pub(super) struct Filler {
    table: Arc<RecordTable>,
    columns: Vec<Cells>,
    rows: usize,
    bytes: usize,
    /// Rows of the batch before these.
    before: u64,
}

impl Filler {
    pub(super) fn new(table: &Arc<RecordTable>) -> Self {
        let cells = |kind| Cells {
            kind,
            filling: Filling::new(kind),
        };
        Self {
            table: Arc::clone(table),
            columns: table.columns().iter().map(|c| cells(c.kind)).collect(),
            rows: 0,
            bytes: 0,
            before: 0,
        }
    }

    /// The number of the row that is being filled, from 1.
    pub(super) fn row(&self) -> u64 {
        self.before + self.rows as u64 + 1
    }

    fn cells(&mut self, place: usize) -> Result<&mut Cells, RecordError> {
        let row = self.row();
        let cells = self.columns.get_mut(place);
        cells.ok_or_else(|| RecordError::row(row, "there are too many columns"))
    }

    fn told(&mut self, place: usize, told: Result<usize, String>) -> Result<(), RecordError> {
        match told {
            Ok(bytes) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(reason) => {
                let name = self.table.columns().get(place).map_or("", |c| &c.name);
                Err(RecordError::cell(self.row(), name, reason))
            }
        }
    }

    pub(super) fn null(&mut self, place: usize) -> Result<(), RecordError> {
        self.cells(place)?.push_null();
        self.bytes += 8;
        Ok(())
    }

    pub(super) fn text(&mut self, place: usize, text: &str) -> Result<(), RecordError> {
        let told = self.cells(place)?.push_text(text);
        self.told(place, told)
    }

    pub(super) fn json(&mut self, place: usize, value: Json<'_>) -> Result<(), RecordError> {
        let told = self.cells(place)?.push_json(value);
        self.told(place, told)
    }

    /// Ends a row, whose columns all have a value.
    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Whether there are as many rows as are worth handing on.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= super::limits::SLICE_ROWS || self.bytes >= super::limits::FILE_BYTES / 8
    }

    /// The rows so far, if there are any.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>, RecordError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(Cells::finish).collect();
        self.before += self.rows as u64;
        (self.rows, self.bytes) = (0, 0);
        // The columns are checked for nulls later, with their row and name.
        let schema = super::check::lenient(&self.table);
        let batch = RecordBatch::try_new(schema, columns);
        batch.map(Some).map_err(|error| RecordError::Lake {
            kind: base::Kind::Internal,
            reason: error.to_string(),
        })
    }
}

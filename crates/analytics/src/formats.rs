//! The forms in which an answer goes out: JSON, NDJSON, CSV, an Arrow stream, Parquet. Each is
//! written batch by batch, and none holds an answer whole.

mod cell;
mod columnar;
mod lines;
pub mod plain;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use base::Time;

use crate::running::QueryError;

/// A form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One object: columns, rows, and what there is to say of them.
    Json,
    /// An object a row, a row a line.
    NdJson,
    /// RFC 4180, in UTF-8, with a line of names.
    Csv,
    /// The streaming form of Arrow's IPC.
    Arrow,
    /// A file of Parquet.
    Parquet,
}

impl Format {
    /// All, the one first that is meant when nobody says.
    pub const ALL: [Self; 5] = [
        Self::Json,
        Self::NdJson,
        Self::Csv,
        Self::Arrow,
        Self::Parquet,
    ];

    /// The word in `format=`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::NdJson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// The media type in `Accept`.
    pub fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::NdJson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            other => other.media(),
        }
    }

    /// The form of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// The form of that media type.
    pub fn from_media(media: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.media() == media)
    }

    /// What writes it.
    pub(crate) fn writer(self, schema: &SchemaRef) -> Result<Box<dyn Writer>, QueryError> {
        Ok(match self {
            Self::Json => Box::new(lines::Json::new(schema)),
            Self::NdJson => Box::new(lines::NdJson),
            Self::Csv => Box::new(lines::Csv::new(schema)),
            Self::Arrow => Box::new(columnar::Arrow::new(schema)?),
            Self::Parquet => Box::new(columnar::Parquet::new(schema)?),
        })
    }
}

/// What is known when an answer ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) rows: u64,
    pub(crate) truncated: bool,
    pub(crate) elapsed_ms: i64,
    pub(crate) history_until: Option<Time>,
}

/// Writes an answer; what is written is taken from `out` by whoever calls.
pub(crate) trait Writer: Send {
    /// The rows of a batch, before the first one what stands before all.
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError>;
    /// What stands after all rows.
    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) -> Result<(), QueryError>;
}

/// What Arrow refuses is said with its own words.
fn refused(error: impl std::fmt::Display) -> QueryError {
    QueryError::Format(error.to_string())
}

/// The word by which a type of Arrow is told in JSON.
pub fn type_word(data_type: &DataType) -> &'static str {
    use DataType as D;
    match data_type {
        D::Null => "null",
        D::Boolean => "bool",
        D::Float16 | D::Float32 | D::Float64 => "float",
        D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) | D::Decimal256(..) => "decimal",
        D::Timestamp(..) => "timestamp",
        D::Date32 | D::Date64 => "date",
        D::Time32(_) | D::Time64(_) => "time",
        D::Duration(_) | D::Interval(_) => "interval",
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => "binary",
        D::List(_)
        | D::LargeList(_)
        | D::ListView(_)
        | D::LargeListView(_)
        | D::FixedSizeList(..) => "list",
        D::Struct(_) | D::Map(..) | D::Union(..) => "struct",
        D::Dictionary(_, values) => type_word(values),
        D::RunEndEncoded(_, values) => type_word(values.data_type()),
        whole if whole.is_integer() => "int",
        _ => "text",
    }
}

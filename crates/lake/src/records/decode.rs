//! From the bytes of a batch, as they come, to rows of its table.

mod arrow_ipc;
mod csv;
mod ndjson;
mod parquet;

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;

use super::error::RecordError;
use super::table::RecordTable;

/// How a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text with a header line [RFC 4180].
    Csv,
    /// An object of JSON a line.
    Ndjson,
    /// Arrow's stream, or a file of it.
    Arrow,
    /// A file of Parquet.
    Parquet,
}

/// The media types of the formats; the first of each is the one to send.
const MEDIA: &[(&str, Format)] = &[
    ("application/vnd.apache.arrow.stream", Format::Arrow),
    ("application/vnd.apache.arrow.file", Format::Arrow),
    ("application/vnd.apache.parquet", Format::Parquet),
    ("text/csv", Format::Csv),
    ("application/x-ndjson", Format::Ndjson),
    ("application/ndjson", Format::Ndjson),
    ("application/jsonl", Format::Ndjson),
];

impl Format {
    /// The format of a `Content-Type`; parameters such as `charset` are passed over.
    pub fn of_media(media: &str) -> Option<Self> {
        let essence = media.split(';').next().unwrap_or("").trim();
        let mut known = MEDIA.iter();
        known
            .find(|(media, _)| media.eq_ignore_ascii_case(essence))
            .map(|(_, format)| *format)
    }

    /// The `Content-Type` to send.
    pub fn media(self) -> &'static str {
        let mut known = MEDIA.iter();
        known
            .find(|(_, format)| *format == self)
            .map_or("", |(media, _)| *media)
    }

    /// All media types that are understood.
    pub fn known() -> Vec<&'static str> {
        MEDIA.iter().map(|(media, _)| *media).collect()
    }
}

/// Takes rows: of the types of the table, not yet checked.
pub(super) type Take<'a> = &'a mut dyn FnMut(RecordBatch) -> Result<(), RecordError>;

/// Makes rows of bytes.
pub(super) trait Decoder: Send + Debug {
    /// Takes the next bytes, hands on what rows are whole.
    fn push(&mut self, bytes: Bytes, take: Take<'_>) -> Result<(), RecordError>;

    /// There are no more bytes.
    fn finish(&mut self, take: Take<'_>) -> Result<(), RecordError>;
}

/// A decoder of a batch for a table.
pub(super) fn decoder(format: Format, table: &Arc<RecordTable>) -> Box<dyn Decoder> {
    match format {
        Format::Csv => Box::new(csv::Csv::new(table)),
        Format::Ndjson => Box::new(ndjson::Ndjson::new(table)),
        Format::Arrow => Box::new(arrow_ipc::ArrowIpc::new(table)),
        Format::Parquet => Box::new(parquet::Parquet::new(table)),
    }
}

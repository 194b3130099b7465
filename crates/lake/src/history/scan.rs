//! Reading a file of the lake from its first row to its last.

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray, Int32Array, Int64Array, RecordBatch};
use arrow::array::{StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use bytes::{Buf as _, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use super::write::failed;
use crate::LakeError;

/// Rows read at once.
const BATCH_ROWS: usize = 8_192;

/// The bytes of a file.
#[derive(Debug)]
pub enum Source {
    /// On the disk.
    File(File),
    /// In memory.
    Bytes(Bytes),
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(match self {
            Self::File(file) => Box::<BufReader<File>>::new(file.get_read(start)?),
            Self::Bytes(bytes) => Box::new(bytes.get_read(start)?.into_inner().reader()),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Bytes(bytes) => bytes.get_bytes(start, length),
        }
    }
}

/// A file being read, batch by batch.
#[derive(Debug)]
pub struct Scan {
    path: Arc<str>,
    reader: Shown<ParquetRecordBatchReader>,
}

/// What has nothing to say of itself.
struct Shown<T>(T);

impl<T> std::fmt::Debug for Shown<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Scan {
    /// Opens a file; only these columns are read, `None`: all.
    pub fn open(path: &str, source: Source, columns: Option<&[&str]>) -> Result<Self, LakeError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(source).map_err(failed(path))?;
        let builder = match columns {
            Some(columns) => {
                let schema = builder.parquet_schema();
                let mask = ProjectionMask::columns(schema, columns.iter().copied());
                builder.with_projection(mask)
            }
            None => builder,
        };
        let reader = builder.with_batch_size(BATCH_ROWS).build();
        Ok(Self {
            path: path.into(),
            reader: Shown(reader.map_err(failed(path))?),
        })
    }

    /// The next rows; `None`: there are no more.
    pub fn read(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        let next = self.reader.0.next().transpose();
        next.map_err(|error| LakeError::Corrupt(format!("the file {}: {error}", self.path)))
    }
}

/// Where a row stands among those of the same entity, attribute and dataset, and those names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    /// The entity's URI.
    pub entity: &'a str,
    /// Expanded name.
    pub attribute: &'a str,
    /// The dataset; none comes first.
    pub dataset: Option<&'a str>,
    /// In microseconds.
    pub time: i64,
    /// Of the change that brought it; not known of roll-ups: 0.
    pub seq: i64,
    /// The place there.
    pub place: i32,
}

/// The columns of a batch by which rows are told apart.
#[derive(Debug)]
pub struct Keys {
    entity: StringArray,
    attribute: StringArray,
    dataset: StringArray,
    time: TimestampMicrosecondArray,
    observed: Option<BooleanArray>,
    seq: Option<Int64Array>,
    place: Option<Int32Array>,
    arrived_seq: Option<Int64Array>,
}

impl Keys {
    /// The names of the columns that are looked for.
    pub const COLUMNS: [&str; 8] = [
        "entity",
        "attribute_uri",
        "dataset",
        "time",
        "observed",
        "seq",
        "place",
        "arrived_seq",
    ];

    /// Those of a batch; `None`: it is none of history or its roll-ups.
    pub fn of(batch: &RecordBatch) -> Option<Self> {
        let text = |name| Some(batch.column_by_name(name)?.as_string_opt::<i32>()?.clone());
        let column = |name| batch.column_by_name(name);
        let time = column("time")?.as_primitive_opt::<TimestampMicrosecondType>()?;
        let long = |name| column(name)?.as_primitive_opt::<Int64Type>().cloned();
        Some(Self {
            entity: text("entity")?,
            attribute: text("attribute_uri")?,
            dataset: text("dataset")?,
            time: time.clone(),
            observed: column("observed").and_then(|c| c.as_boolean_opt().cloned()),
            seq: long("seq"),
            place: column("place").and_then(|c| c.as_primitive_opt::<Int32Type>().cloned()),
            arrived_seq: long("arrived_seq"),
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.entity.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entity.is_empty()
    }

    /// The entity of a row.
    pub fn entity(&self, row: usize) -> &str {
        self.entity.value(row)
    }

    /// Where a row stands.
    pub fn key(&self, row: usize) -> Key<'_> {
        Key {
            entity: self.entity.value(row),
            attribute: self.attribute.value(row),
            dataset: self.dataset.is_valid(row).then(|| self.dataset.value(row)),
            time: self.time.value(row),
            seq: self.seq.as_ref().map_or(0, |seq| seq.value(row)),
            place: self.place.as_ref().map_or(0, |place| place.value(row)),
        }
    }

    /// Whether the time of a row is `observedAt`.
    pub fn is_observed(&self, row: usize) -> bool {
        self.observed
            .as_ref()
            .is_none_or(|column| column.value(row))
    }

    /// The change that wrote a row.
    pub fn arrived(&self, row: usize) -> i64 {
        let later = self
            .arrived_seq
            .as_ref()
            .filter(|column| column.is_valid(row));
        let seq = later.or(self.seq.as_ref());
        seq.map_or(0, |column| column.value(row))
    }
}

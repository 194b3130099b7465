//! From batches of rows to a file: one way of writing for history, its roll-ups and records, so that
//! all files have the same layout.
//!
//! Encodings were chosen by measurement (see the decision on the lake): times and numbers of changes
//! are packed as differences, names and values go through a dictionary, which falls back to plain
//! values where there are too many, and zstd packs what is left. Nothing in it is beyond what the
//! readers of other engines know.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Schema, SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::limits::{PAGE_ROWS, ROW_GROUP_ROWS};
use crate::{Entry, LakeError, Partition};

/// Columns by which readers look for pages; of others they know bounds of whole row groups.
const LOOKED_FOR: [&str; 4] = ["entity", "attribute_uri", "time", "number"];
/// By what files of history and its roll-ups are sorted, as far as the format can say it.
const SORTED_BY: [&str; 6] = ["entity", "attribute_uri", "dataset", "time", "seq", "place"];

/// A dictionary is decoded whole for each read of a few rows; larger ones fall back to plain values.
const DICTIONARY_BYTES: usize = 64 * 1024;

/// A whole file that nobody knows of yet.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// What the manifest will say of it.
    pub entry: Entry,
    /// What it is.
    pub bytes: Bytes,
}

/// A file being written, in memory: what is there is packed already.
#[derive(Debug)]
pub struct FileWriter {
    path: String,
    partition: Partition,
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
    entities: Option<(String, String)>,
    moments: Option<(i64, i64)>,
}

impl FileWriter {
    /// Begins a file of that schema. Its columns `entity` and `time`, if there are such, give what
    /// the manifest says of it.
    pub fn new(path: String, partition: Partition, schema: &SchemaRef) -> Result<Self, LakeError> {
        let properties = properties(schema);
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties));
        Ok(Self {
            writer: writer.map_err(failed(&path))?,
            path,
            partition,
            rows: 0,
            entities: None,
            moments: None,
        })
    }

    /// Appends rows; they come in the order of the file.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.bound_entities(batch)?;
        if let Some((first, last)) = moments(batch) {
            let (earliest, latest) = self.moments.unwrap_or((first, last));
            self.moments = Some((earliest.min(first), latest.max(last)));
        }
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(failed(&self.path))
    }

    fn bound_entities(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let Some(column) = batch.column_by_name("entity") else {
            return Ok(());
        };
        let entities = column.as_string::<i32>();
        let (first, last) = (entities.value(0), entities.value(entities.len() - 1));
        match &mut self.entities {
            Some((_, before)) if first < before.as_str() => {
                return Err(LakeError::Corrupt(format!(
                    "rows of '{first}' come behind those of '{before}'"
                )));
            }
            Some((_, before)) => last.clone_into(before),
            None => self.entities = Some((first.to_owned(), last.to_owned())),
        }
        Ok(())
    }

    /// How many rows there are so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// About how many bytes there are so far.
    pub fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// The whole file; `None`: there are no rows.
    pub fn finish(self) -> Result<Option<Sealed>, LakeError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let bytes = self.writer.into_inner().map_err(failed(&self.path))?;
        Ok(Some(Sealed {
            entry: Entry {
                path: self.path,
                partition: self.partition,
                rows: self.rows,
                bytes: bytes.len() as u64,
                entities: self.entities.unwrap_or_default(),
                moments: self.moments.unwrap_or_default(),
            },
            bytes: bytes.into(),
        }))
    }
}

/// What went wrong with a file.
pub(crate) fn failed(path: &str) -> impl FnOnce(ParquetError) -> LakeError {
    let path = path.to_owned();
    move |source| LakeError::Parquet { path, source }
}

fn moments(batch: &RecordBatch) -> Option<(i64, i64)> {
    let column = batch.column_by_name("time")?;
    let times: &TimestampMicrosecondArray =
        column.as_primitive_opt::<TimestampMicrosecondType>()?;
    Some((min(times)?, max(times)?))
}

fn properties(schema: &Schema) -> WriterProperties {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("Chorsu ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(sorting(schema));
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        builder = column(builder, path, field.data_type());
    }
    builder.build()
}

fn column(
    builder: WriterPropertiesBuilder,
    path: ColumnPath,
    data_type: &DataType,
) -> WriterPropertiesBuilder {
    let looked_for = LOOKED_FOR.contains(&path.string().as_str());
    let builder = match data_type {
        DataType::Int64 | DataType::Timestamp(..) => builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED),
        _ => builder,
    };
    if looked_for {
        builder.set_column_statistics_enabled(path, EnabledStatistics::Page)
    } else {
        builder
    }
}

fn sorting(schema: &Schema) -> Option<Vec<SortingColumn>> {
    let mut columns = Vec::new();
    for name in SORTED_BY {
        let Ok(place) = schema.index_of(name) else {
            break;
        };
        columns.push(SortingColumn {
            column_idx: i32::try_from(place).unwrap_or_default(),
            descending: false,
            nulls_first: true,
        });
    }
    (!columns.is_empty()).then_some(columns)
}

//! A file of Parquet: its end says what is in it, so it is held in memory until it is whole.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use bytes::{Bytes, BytesMut};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;

use super::super::check::Fitting;
use super::super::error::RecordError;
use super::super::limits::MESSAGE_BYTES_MAX;
use super::super::table::RecordTable;
use super::{Decoder, Take};

/// Rows that are decoded at once.
const ROWS: usize = 8_192;

/// A decoder of a file of Parquet.
#[derive(Debug)]
pub(super) struct Parquet {
    table: Arc<RecordTable>,
    file: BytesMut,
}

impl Parquet {
    pub(super) fn new(table: &Arc<RecordTable>) -> Self {
        Self {
            table: Arc::clone(table),
            file: BytesMut::new(),
        }
    }
}

fn wrong(error: &dyn std::fmt::Display) -> RecordError {
    RecordError::Invalid(format!("it is no file of Parquet: {error}"))
}

impl Decoder for Parquet {
    fn push(&mut self, bytes: Bytes, _take: Take<'_>) -> Result<(), RecordError> {
        self.file.extend_from_slice(&bytes);
        Ok(())
    }

    fn finish(&mut self, take: Take<'_>) -> Result<(), RecordError> {
        let file = std::mem::take(&mut self.file).freeze();
        let no = |error: ParquetError| wrong(&error);
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(no)?;
        small_enough(&metadata)?;
        // As views, many rows of one long text share it.
        let viewed = |field: &Arc<Field>| {
            let to = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Dictionary(..) => {
                    DataType::Utf8View
                }
                DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
                other => other.clone(),
            };
            Arc::new(field.as_ref().clone().with_data_type(to))
        };
        let fields: Vec<_> = metadata.schema().fields().iter().map(viewed).collect();
        let schema = Arc::new(Schema::new(fields));
        let fitting = Fitting::new(&self.table, &schema)?;
        let options = ArrowReaderOptions::new().with_schema(schema);
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(no)?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let reader = reader.with_batch_size(ROWS).build().map_err(no)?;
        let mut before = 0;
        for rows in reader {
            let rows = rows.map_err(|error| wrong(&error))?;
            fitting.fit(&rows, before, &mut *take)?;
            before += rows.num_rows() as u64;
        }
        Ok(())
    }
}

/// Refuses a file of which one column of a row group is larger than is decoded at once.
fn small_enough(metadata: &ArrowReaderMetadata) -> Result<(), RecordError> {
    let groups = metadata.metadata().row_groups().iter();
    let mut columns = groups.flat_map(RowGroupMetaData::columns);
    let max = i64::try_from(MESSAGE_BYTES_MAX).unwrap_or(i64::MAX);
    if columns.all(|column| (0..=max).contains(&column.uncompressed_size())) {
        return Ok(());
    }
    Err(RecordError::Limit(format!(
        "a column of a row group has at most {} MiB: write smaller row groups",
        MESSAGE_BYTES_MAX / (1024 * 1024)
    )))
}

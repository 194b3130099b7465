//! Arrow's IPC stream and Parquet, for programs.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::formats::{Ending, Writer, plain, refused};
use crate::running::QueryError;

/// Rows of a group of Parquet: it is held until it is full.
const GROUP_ROWS: usize = 64 * 1024;
/// Bytes of a group of Parquet after which it is written though it has fewer rows.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// The streaming form of Arrow's IPC.
pub(super) struct Arrow {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl Arrow {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let schema = plain::schema(schema);
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(refused)?;
        Ok(Self { schema, writer })
    }
}

impl Writer for Arrow {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let batch = plain::batch(batch, &self.schema).map_err(refused)?;
        self.writer.write(&batch).map_err(refused)?;
        out.append(self.writer.get_mut());
        Ok(())
    }

    fn end(&mut self, _ending: &Ending, out: &mut Vec<u8>) -> Result<(), QueryError> {
        self.writer.finish().map_err(refused)?;
        out.append(self.writer.get_mut());
        Ok(())
    }
}

/// A file of Parquet.
pub(super) struct Parquet {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl Parquet {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let schema = plain::schema(schema);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties));
        let writer = writer.map_err(refused)?;
        Ok(Self { schema, writer })
    }
}

impl Writer for Parquet {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let batch = plain::batch(batch, &self.schema).map_err(refused)?;
        self.writer.write(&batch).map_err(refused)?;
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush().map_err(refused)?;
        }
        out.append(self.writer.inner_mut());
        Ok(())
    }

    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let mut say = |name: &str, value: String| {
            let pair = KeyValue::new(format!("chorsu.{name}"), value);
            self.writer.append_key_value_metadata(pair);
        };
        say("truncated", ending.truncated.to_string());
        if let Some(until) = ending.history_until {
            say("historyUntil", until.to_string());
        }
        self.writer.finish().map_err(refused)?;
        out.append(self.writer.inner_mut());
        Ok(())
    }
}

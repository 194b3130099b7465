//! Rows in order become files of a partition, none larger than fits into memory.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;

use crate::history::write::FileWriter;
use crate::{Entry, Lake, LakeError, Partition};

/// Bytes after which a new file is begun: it is in memory until it is whole.
const FILE_BYTES: usize = 64 << 20;

/// The names of all files that were written for an edit that is not made yet.
#[derive(Debug, Default)]
pub(crate) struct Trail(Mutex<Vec<String>>);

impl Trail {
    /// Removes them: the edit will not be made.
    pub(crate) async fn sweep(&self, lake: &Lake) {
        let paths = std::mem::take(&mut *self.0.lock());
        for path in paths {
            if let Err(error) = lake.objects.remove(&path).await {
                tracing::warn!(file = path, %error, "a file without use stays until the next start");
            }
        }
    }
}

/// Files of one partition that are being written.
#[derive(Debug)]
pub(crate) struct Sheets<'a> {
    lake: &'a Lake,
    trail: &'a Trail,
    partition: Partition,
    schema: SchemaRef,
    open: Option<FileWriter>,
    done: Vec<Entry>,
}

impl<'a> Sheets<'a> {
    /// None yet.
    pub(crate) fn new(
        (lake, trail): (&'a Lake, &'a Trail),
        partition: Partition,
        schema: SchemaRef,
    ) -> Self {
        Self {
            lake,
            trail,
            partition,
            schema,
            open: None,
            done: Vec::new(),
        }
    }

    /// Appends rows, which come in order.
    pub(crate) async fn push(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        open.write(batch)?;
        if open.bytes() >= FILE_BYTES {
            self.close(open).await?;
        } else {
            self.open = Some(open);
        }
        Ok(())
    }

    /// All files; each is durable.
    pub(crate) async fn finish(mut self) -> Result<Vec<Entry>, LakeError> {
        if let Some(open) = self.open.take() {
            self.close(open).await?;
        }
        Ok(self.done)
    }

    fn begin(&self) -> Result<FileWriter, LakeError> {
        let path = self.lake.new_path(&self.partition);
        FileWriter::new(path, self.partition.clone(), &self.schema)
    }

    async fn close(&mut self, open: FileWriter) -> Result<(), LakeError> {
        let Some(sealed) = open.finish()? else {
            return Ok(());
        };
        self.trail.0.lock().push(sealed.entry.path.clone());
        self.lake.put(&sealed).await?;
        self.done.push(sealed.entry);
        Ok(())
    }
}

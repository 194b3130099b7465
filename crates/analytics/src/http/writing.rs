//! The body of an answer: written batch by batch, as fast as it is read.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};

use crate::formats::{Ending, Writer};
use crate::running::{QueryError, Running};

/// An answer that is being written.
pub(super) struct Writing {
    running: Running,
    writer: Box<dyn Writer>,
    bytes_max: u64,
    written: u64,
    rows: u64,
    ended: bool,
}

impl Writing {
    pub(super) fn new(running: Running, writer: Box<dyn Writer>, bytes_max: Option<u64>) -> Self {
        Self {
            running,
            writer,
            bytes_max: bytes_max.unwrap_or(u64::MAX),
            written: 0,
            rows: 0,
            ended: false,
        }
    }

    /// The parts of the body. An error breaks the body off before its end, which no reader of HTTP
    /// takes for the whole.
    pub(super) fn chunks(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::unfold(self, async |mut this| {
            let chunk = this.chunk().await.map_err(io::Error::other);
            Some((chunk.transpose()?, this))
        })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, QueryError> {
        let mut out = Vec::new();
        while out.is_empty() && !self.ended {
            let enough = self.written >= self.bytes_max;
            match self.running.next().await {
                Some(batch) if !enough => {
                    if let Err(error) = self.batch(batch, &mut out) {
                        self.ended = true;
                        return Err(error);
                    }
                }
                more => {
                    if more.is_some() {
                        self.running.truncate();
                    }
                    self.ended = true;
                    self.writer.end(&self.ending(), &mut out)?;
                }
            }
        }
        self.written += out.len() as u64;
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }

    fn batch(
        &mut self,
        batch: Result<arrow::array::RecordBatch, QueryError>,
        out: &mut Vec<u8>,
    ) -> Result<(), QueryError> {
        let batch = batch?;
        self.rows += batch.num_rows() as u64;
        self.writer.batch(&batch, out)
    }

    fn ending(&self) -> Ending {
        Ending {
            rows: self.rows,
            truncated: self.running.is_truncated(),
            elapsed_ms: self.running.elapsed_ms(),
            history_until: self.running.history_until(),
        }
    }
}

//! Arrow's stream, and the file that is one between its magic words.
//! Limit: buffers must not be compressed; a file's footer is not looked at.

use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use bytes::Bytes;

use super::super::check::Fitting;
use super::super::error::RecordError;
use super::super::limits::MESSAGE_BYTES_MAX;
use super::super::table::RecordTable;
use super::{Decoder, Take};

/// What a file begins with; zeros follow, up to where its writer likes messages to begin.
const MAGIC: &[u8] = b"ARROW1\0\0";

/// A decoder of Arrow's stream.
#[derive(Debug)]
pub(super) struct ArrowIpc {
    table: Arc<RecordTable>,
    decoder: StreamDecoder,
    fitting: Option<Fitting>,
    /// The first bytes, until it is known whether it is a file.
    head: Option<Vec<u8>>,
    is_file: bool,
    /// Whether only the beginning of a file came so far.
    is_filling: bool,
    /// Whether the footer of a file has begun.
    is_ended: bool,
    /// Bytes since the last rows.
    waiting: usize,
    rows: u64,
}

impl ArrowIpc {
    pub(super) fn new(table: &Arc<RecordTable>) -> Self {
        Self {
            table: Arc::clone(table),
            decoder: StreamDecoder::new(),
            fitting: None,
            head: Some(Vec::new()),
            is_file: false,
            is_filling: false,
            is_ended: false,
            waiting: 0,
            rows: 0,
        }
    }

    fn decode(&mut self, mut bytes: Bytes, take: Take<'_>) -> Result<(), RecordError> {
        if self.is_filling {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes = bytes.slice(zeros..);
            self.is_filling = bytes.is_empty();
        }
        let mut buffer = Buffer::from(bytes);
        while !buffer.is_empty() && !self.is_ended {
            let before = buffer.len();
            let decoded = self.decoder.decode(&mut buffer);
            if self.fitting.is_none()
                && let Some(schema) = self.decoder.schema()
            {
                self.fitting = Some(Fitting::new(&self.table, &schema)?);
            }
            let rows = match decoded {
                Ok(rows) => rows,
                // Behind the end of the messages of a file its footer follows.
                Err(_ended) if self.decoder.finish().is_ok() && self.fitting.is_some() => {
                    if !self.is_file {
                        let reason = "behind the end of the stream something follows";
                        return Err(RecordError::Invalid(reason.to_owned()));
                    }
                    self.is_ended = true;
                    return Ok(());
                }
                Err(error) => {
                    return Err(RecordError::Invalid(format!(
                        "it is no stream of Arrow: {error}"
                    )));
                }
            };
            self.waiting += before - buffer.len();
            if let (Some(rows), Some(fitting)) = (rows, &self.fitting) {
                fitting.fit(&rows, self.rows, &mut *take)?;
                self.rows += rows.num_rows() as u64;
                self.waiting = 0;
            }
            if self.waiting > MESSAGE_BYTES_MAX {
                return Err(RecordError::Limit(format!(
                    "a message of Arrow has at most {} MiB: write record batches of fewer rows",
                    MESSAGE_BYTES_MAX / (1024 * 1024)
                )));
            }
        }
        Ok(())
    }
}

impl Decoder for ArrowIpc {
    fn push(&mut self, bytes: Bytes, take: Take<'_>) -> Result<(), RecordError> {
        let Some(mut head) = self.head.take() else {
            return self.decode(bytes, take);
        };
        head.extend_from_slice(&bytes);
        if head.len() < MAGIC.len() {
            self.head = Some(head);
            return Ok(());
        }
        let mut bytes = Bytes::from(head);
        if bytes.starts_with(MAGIC) {
            (self.is_file, self.is_filling) = (true, true);
            bytes = bytes.slice(MAGIC.len()..);
        }
        self.decode(bytes, take)
    }

    fn finish(&mut self, take: Take<'_>) -> Result<(), RecordError> {
        if let Some(head) = self.head.take() {
            self.decode(head.into(), &mut *take)?;
        }
        let whole = self.is_ended || (!self.is_file && self.decoder.finish().is_ok());
        if self.fitting.is_none() || !whole {
            return Err(RecordError::Invalid(
                "the stream of Arrow ends before its end".to_owned(),
            ));
        }
        Ok(())
    }
}

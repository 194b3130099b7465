//! A batch on its way in: decoded as it comes, checked, cut into files. It blocks, so it has a thread of
//! its own while it works.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array as _, RecordBatch};
use base::Time;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::check::check;
use super::decode::{Format, decoder};
use super::error::RecordError;
use super::files::{Encoded, files_of, moments};
use super::limits::{DAYS_MAX, FILE_BYTES, FILE_ROWS, SMALL_ROWS};
use super::table::RecordTable;
use crate::manifest::day_of;

/// A part of the body of a batch.
#[derive(Debug)]
pub(super) enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// The body is whole.
    End,
}

/// What became of a batch that is right.
#[derive(Debug)]
pub(super) struct Read {
    /// Its rows.
    pub(super) rows: u64,
    /// All of them, if they are so few that they are written together with those of others.
    pub(super) small: Vec<RecordBatch>,
}

/// What is known of a batch before its first byte.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) table: Arc<RecordTable>,
    pub(super) format: Format,
    pub(super) arrival: Time,
}

impl Intake {
    /// Works until the body ends; hands on every file as soon as it is full. What it handed on
    /// counts only if it returns rows.
    pub(super) fn work(
        self,
        mut pieces: mpsc::Receiver<Piece>,
        files: &mpsc::Sender<Encoded>,
    ) -> Result<Read, RecordError> {
        let mut decoder = decoder(self.format, &self.table);
        let mut held = Held {
            table: self.table,
            arrival: self.arrival,
            files,
            rows: Vec::new(),
            row_count: 0,
            bytes: 0,
            total: 0,
            days: BTreeSet::new(),
        };
        loop {
            let mut take = |rows| held.take(rows);
            match pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => decoder.push(bytes, &mut take)?,
                Some(Piece::End) => {
                    decoder.finish(&mut take)?;
                    break;
                }
                None => return Err(RecordError::BrokenOff("the body broke off".to_owned())),
            }
        }
        let is_small = held.total == held.row_count as u64 && held.row_count <= SMALL_ROWS;
        if !is_small {
            held.flush()?;
        }
        Ok(Read {
            rows: held.total,
            small: held.rows,
        })
    }
}

/// Rows that are not in a file yet.
struct Held<'a> {
    table: Arc<RecordTable>,
    arrival: Time,
    files: &'a mpsc::Sender<Encoded>,
    rows: Vec<RecordBatch>,
    row_count: usize,
    bytes: usize,
    /// Rows of the batch so far.
    total: u64,
    days: BTreeSet<i32>,
}

impl Held<'_> {
    fn take(&mut self, rows: RecordBatch) -> Result<(), RecordError> {
        check(&self.table, &rows, self.total + 1)?;
        if let Some(times) = moments(&self.table, &rows) {
            for run in times.chunk_by(|a, b| day_of(Time(*a)) == day_of(Time(*b))) {
                self.days
                    .extend(run.first().map(|time| day_of(Time(*time))));
            }
            if self.days.len() > DAYS_MAX {
                return Err(RecordError::Limit(format!(
                    "the rows of a batch are of at most {DAYS_MAX} days: send it in parts"
                )));
            }
        }
        self.total += rows.num_rows() as u64;
        self.row_count += rows.num_rows();
        let sizes = rows.columns().iter();
        let sizes = sizes.map(|c| c.to_data().get_slice_memory_size().unwrap_or(FILE_BYTES));
        self.bytes += sizes.sum::<usize>();
        self.rows.push(rows);
        if self.row_count >= FILE_ROWS || self.bytes >= FILE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        let rows = std::mem::take(&mut self.rows);
        (self.row_count, self.bytes) = (0, 0);
        for file in files_of(&self.table, &rows, self.arrival)? {
            // Nobody takes it any more: the batch was given up.
            if self.files.blocking_send(file).is_err() {
                return Err(RecordError::BrokenOff("the batch was given up".to_owned()));
            }
        }
        Ok(())
    }
}

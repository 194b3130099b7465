//! Batches that wait become true together: small ones of one table share their files, and all share
//! one commit. Whoever finds nobody at work does the work of all who wait.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use base::{Kind, Time};
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use ports::Act;
use tokio::sync::oneshot;

use super::error::RecordError;
use super::files::{Encoded, files_of};
use super::limits::{EDITS_TOGETHER, FILE_ROWS};
use super::table::RecordTable;
use crate::{Edit, Entry, Lake, Partition, Table};

/// Files that are written at once.
const FILES_AT_ONCE: usize = 4;

/// A batch that is right and waits to become true.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) table: Arc<RecordTable>,
    /// Files of it that are durable.
    pub(super) files: Vec<Entry>,
    /// Rows of it that are in no file yet.
    pub(super) rows: Vec<RecordBatch>,
    /// The doc that remembers it.
    pub(super) act: Act,
}

/// Who is told what became of a batch.
type Told = oneshot::Sender<Result<(), RecordError>>;

/// The batches that wait.
#[derive(Debug, Default)]
pub(super) struct Together {
    waiting: Mutex<VecDeque<(Waiting, Told)>>,
    /// Held by whoever works.
    turn: tokio::sync::Mutex<()>,
}

impl Lake {
    /// Makes a batch true. When this fails by the store it is not known whether it is: files of it stay
    /// until the next start, which knows.
    pub(super) async fn commit_together(&self, batch: Waiting) -> Result<(), RecordError> {
        let together = &self.records.together;
        let (tell, mut told) = oneshot::channel();
        together.waiting.lock().push_back((batch, tell));
        loop {
            let turn = together.turn.lock().await;
            // Whoever worked before may have done it.
            match told.try_recv() {
                Ok(result) => return result,
                Err(oneshot::error::TryRecvError::Closed) => return Err(given_up()),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let batches: Vec<_> = {
                let mut waiting = together.waiting.lock();
                let count = waiting.len().min(EDITS_TOGETHER);
                waiting.drain(..count).collect()
            };
            self.commit_all(batches).await;
            drop(turn);
        }
    }

    async fn commit_all(&self, batches: Vec<(Waiting, Told)>) {
        let mut edit = Edit::default();
        let mut done = Vec::new();
        for group in groups(batches) {
            match self.write_rows(&group).await {
                Ok(files) => {
                    edit.add.extend(files);
                    for (batch, tell) in group {
                        edit.add.extend(batch.files);
                        edit.acts.push(batch.act);
                        done.push(tell);
                    }
                }
                Err(refused) => tell_all(group.into_iter().map(|(_, tell)| tell), &Err(refused)),
            }
        }
        if done.is_empty() {
            return;
        }
        let result = self.keeper.commit(edit).await.map_err(RecordError::from);
        tell_all(done, &result);
    }

    /// Writes the rows that are in no file yet.
    async fn write_rows(&self, group: &[(Waiting, Told)]) -> Result<Vec<Entry>, RecordError> {
        let rows = group.iter().flat_map(|(batch, _)| &batch.rows);
        let rows: Vec<RecordBatch> = rows.cloned().collect();
        let (Some((first, _)), false) = (group.first(), rows.is_empty()) else {
            return Ok(Vec::new());
        };
        let (table, now) = (Arc::clone(&first.table), self.parts.clock.now());
        let encoding = {
            let table = Arc::clone(&table);
            tokio::task::spawn_blocking(move || files_of(&table, &rows, now))
        };
        let files = encoding.await.map_err(|_panic| given_up())??;
        let writing = files.into_iter().map(|file| self.write_file(&table, file));
        let mut writing = stream::iter(writing).buffer_unordered(FILES_AT_ONCE);
        let mut entries = Vec::new();
        while let Some(entry) = writing.next().await {
            entries.push(entry?);
        }
        Ok(entries)
    }

    /// Writes a file of a table; it is durable when this returns, and counts when an edit names it.
    pub(super) async fn write_file(
        &self,
        table: &RecordTable,
        file: Encoded,
    ) -> Result<Entry, RecordError> {
        let partition = Partition {
            table: Table::Records(table.name.clone()),
            tenant: table.tenant.clone(),
            class: String::new(),
            day: file.day,
        };
        let path = self.new_path(&partition);
        let entry = Entry {
            partition,
            rows: file.rows,
            bytes: file.bytes.len() as u64,
            entities: (String::new(), String::new()),
            moments: file.moments,
            path,
        };
        self.objects.put(&entry.path, file.bytes).await?;
        Ok(entry)
    }
}

/// Batches whose rows go into files together: of one table as it was declared at one time.
fn groups(batches: Vec<(Waiting, Told)>) -> Vec<Vec<(Waiting, Told)>> {
    let mut groups: Vec<(usize, Vec<(Waiting, Told)>)> = Vec::new();
    for batch in batches {
        let key = |batch: &Waiting| -> (String, Time) {
            (batch.table.id.clone(), batch.table.modified_at)
        };
        let rows: usize = batch.0.rows.iter().map(RecordBatch::num_rows).sum();
        let fits = |(count, group): &&mut (usize, Vec<(Waiting, Told)>)| {
            let first = group.first().map(|(first, _)| key(first));
            first == Some(key(&batch.0)) && *count + rows <= FILE_ROWS
        };
        match groups.iter_mut().find(fits) {
            Some((count, group)) => {
                *count += rows;
                group.push(batch);
            }
            None => groups.push((rows, vec![batch])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn tell_all(told: impl IntoIterator<Item = Told>, result: &Result<(), RecordError>) {
    for tell in told {
        // Who does not wait any more does not need to know.
        drop(tell.send(result.clone()));
    }
}

/// The work ended by a panic.
pub(super) fn given_up() -> RecordError {
    RecordError::Lake {
        kind: Kind::Internal,
        reason: "the work on a batch was given up".to_owned(),
    }
}

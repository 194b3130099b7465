//! Small files of a partition become one: as soon as there are eight of a size, and once an hour what is
//! left. A row is so written again at most as often as its file can grow eightfold.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use base::{Kind, Tenant, Time};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::error::RecordError;
use super::files::files_of;
use super::limits::{FILE_BYTES, FILE_ROWS, MERGED_ROWS, SLICE_ROWS, SWEEP_MICROS};
use super::table::RecordTable;
use super::together::given_up;
use crate::{Edit, Entry, Lake, LakeError, Partition, Table};

/// Files of a size that become one.
const TOGETHER: usize = 8;
/// Files that become one at most.
const TOGETHER_MAX: usize = 64;
/// How long to wait for more batches before files are merged, in microseconds.
const PAUSE_MICROS: i64 = 1_000_000;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Merges files while the node runs, and forgets the ids of old batches.
pub(crate) fn start(lake: &Arc<Lake>) {
    let tasks = lake.parts.tasks.clone();
    let lake = Arc::downgrade(lake);
    let until = tasks.clone();
    tasks.spawn("records", async move {
        let mut sweep_at = Time::MIN;
        loop {
            let Some(held) = lake.upgrade() else { return };
            let clock = Arc::clone(&held.parts.clock);
            if clock.now() >= sweep_at {
                said(held.forget_batches().await);
                said(held.merge_records(true).await);
                sweep_at = clock.now().plus_micros(SWEEP_MICROS);
            }
            let appended = async {
                held.records.appended.notified().await;
                clock
                    .sleep_until(clock.now().plus_micros(PAUSE_MICROS))
                    .await;
            };
            tokio::select! {
                biased;
                () = until.stopped() => return,
                () = appended => {}
                () = clock.sleep_until(sweep_at) => {}
            }
            said(held.merge_records(false).await);
        }
    });
}

fn said(done: Result<(), RecordError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "files of records are not merged; it is tried again");
    }
}

impl Lake {
    /// Merges small files of records; `all`: also those of which there are only a few.
    pub async fn merge_records(&self, all: bool) -> Result<(), RecordError> {
        loop {
            let mut merged = false;
            let manifest = self.manifest();
            let chosen: Vec<_> = manifest
                .partitions()
                .filter(|(partition, _)| matches!(partition.table, Table::Records(_)))
                .filter_map(|(partition, files)| Some((partition, choose(files, all)?)))
                .map(|(partition, files)| (partition.clone(), files))
                .collect();
            drop(manifest);
            for (partition, files) in chosen {
                merged |= self.merge_files(&partition, files).await?;
            }
            if !merged || self.parts.tasks.is_stopping() {
                return Ok(());
            }
        }
    }

    async fn merge_files(
        &self,
        partition: &Partition,
        files: Vec<Arc<Entry>>,
    ) -> Result<bool, RecordError> {
        let Table::Records(name) = &partition.table else {
            return Ok(false);
        };
        let Ok(tenant) = Tenant::new(&partition.tenant) else {
            return Ok(false);
        };
        // A table that was deleted meanwhile has no files any more.
        let Ok(table) = self.record_table(&tenant, name) else {
            return Ok(false);
        };
        let mut bytes = Vec::with_capacity(files.len());
        for file in &files {
            bytes.push(self.objects.read(&file.path).await?);
        }
        let arrival = files.iter().map(|file| file.moments.0).min();
        let arrival = arrival.unwrap_or(i64::from(partition.day) * DAY);
        let of = Arc::clone(&table);
        let merging = tokio::task::spawn_blocking(move || {
            let mut rows = Vec::new();
            for file in bytes {
                read_file(&of, file, |batch| {
                    rows.push(batch);
                    Ok(())
                })?;
            }
            files_of(&of, &rows, Time(arrival))
        });
        let mut add = Vec::new();
        for file in merging.await.map_err(|_panic| given_up())?? {
            add.push(self.write_file(&table, file).await?);
        }
        let kept: u64 = add.iter().map(|entry| entry.rows).sum();
        if kept != files.iter().map(|file| file.rows).sum::<u64>() {
            let reason = format!("the files of {name} have not the rows that the manifest says");
            return Err(LakeError::Corrupt(reason).into());
        }
        let edit = Edit {
            add,
            remove: files,
            ..Edit::default()
        };
        let paths: Vec<String> = edit.add.iter().map(|entry| entry.path.clone()).collect();
        match self.keeper.commit(edit).await {
            Ok(()) => Ok(true),
            // Somebody took a file away: nothing was changed.
            Err(LakeError::Conflict(_)) => {
                for path in paths {
                    self.objects.remove(&path).await?;
                }
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Which files of a partition become one, if any should.
fn choose(files: &[Arc<Entry>], all: bool) -> Option<Vec<Arc<Entry>>> {
    let fits = |file: &&Arc<Entry>| file.rows < MERGED_ROWS && file.bytes < FILE_BYTES as u64 / 4;
    let mut sizes: BTreeMap<u32, Vec<Arc<Entry>>> = BTreeMap::new();
    for file in files.iter().filter(fits) {
        let size = if all { 0 } else { file.rows.max(1).ilog(8) };
        sizes.entry(size).or_default().push(Arc::clone(file));
    }
    let enough = if all { 2 } else { TOGETHER };
    let chosen = sizes.into_values().find(|files| files.len() >= enough)?;
    let (mut rows, mut bytes) = (0, 0);
    let few = chosen.into_iter().take(TOGETHER_MAX).take_while(|file| {
        rows += file.rows;
        bytes += file.bytes;
        rows <= FILE_ROWS as u64 && bytes <= FILE_BYTES as u64 / 2
    });
    let few: Vec<_> = few.collect();
    (few.len() >= 2).then_some(few)
}

/// Reads a file of a table, whose columns it has, or had when it was written.
pub(super) fn read_file(
    table: &RecordTable,
    file: Bytes,
    mut take: impl FnMut(RecordBatch) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let damaged = |error: &dyn std::fmt::Display| RecordError::Lake {
        kind: Kind::Corrupt,
        reason: format!("a file of the table '{}': {error}", table.name),
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(file);
    let reader = reader.map_err(|error| damaged(&error))?;
    let reader = reader.with_batch_size(SLICE_ROWS).build();
    for rows in reader.map_err(|error| damaged(&error))? {
        take(widened(table, &rows.map_err(|error| damaged(&error))?)?)?;
    }
    Ok(())
}

/// Rows of a file with all columns that the table has now.
pub(super) fn widened(table: &RecordTable, rows: &RecordBatch) -> Result<RecordBatch, RecordError> {
    let schema = table.schema();
    let column =
        |field: &Arc<arrow::datatypes::Field>| -> Result<ArrayRef, arrow::error::ArrowError> {
            match rows.column_by_name(field.name()) {
                None => Ok(arrow::array::new_null_array(
                    field.data_type(),
                    rows.num_rows(),
                )),
                Some(values) => cast(values, field.data_type()),
            }
        };
    let columns: Result<Vec<ArrayRef>, _> = schema.fields().iter().map(column).collect();
    let wide = columns.and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns));
    wide.map_err(|error| RecordError::Lake {
        kind: Kind::Corrupt,
        reason: format!("a file of the table '{}': {error}", table.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(rows: &[u64]) -> Vec<Arc<Entry>> {
        let entry = |(place, rows): (usize, &u64)| {
            Arc::new(Entry {
                path: format!("{place}"),
                partition: Partition {
                    table: Table::Records("taps".to_owned()),
                    tenant: String::new(),
                    class: String::new(),
                    day: 0,
                },
                rows: *rows,
                bytes: 100,
                entities: (String::new(), String::new()),
                moments: (0, 0),
            })
        };
        rows.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn files_of_a_size_are_merged_once_there_are_eight() {
        assert!(choose(&files(&[10; 7]), false).is_none());
        assert_eq!(choose(&files(&[10; 8]), false).map(|f| f.len()), Some(8));
        assert_eq!(choose(&files(&[1; 500]), false).map(|f| f.len()), Some(64));
        // A large one is left alone.
        let mixed = [vec![900_000], vec![10; 8]].concat();
        assert_eq!(choose(&files(&mixed), false).map(|f| f.len()), Some(8));
        assert!(choose(&files(&[900_000; 20]), true).is_none());
    }

    #[test]
    fn what_is_left_is_merged_in_the_end() {
        assert_eq!(
            choose(&files(&[5, 700, 90_000]), true).map(|f| f.len()),
            Some(3)
        );
        assert!(choose(&files(&[5]), true).is_none());
        assert_eq!(
            choose(&files(&[500_000; 5]), true).map(|f| f.len()),
            Some(2)
        );
    }

    #[test]
    fn a_thousand_appends_write_each_row_a_few_times_only() {
        let (mut standing, mut written) = (Vec::new(), 0);
        for _append in 0..4_096_u64 {
            standing.push(1);
            while let Some(chosen) = choose(&files(&standing), false) {
                let rows: u64 = chosen.iter().map(|file| file.rows).sum();
                let places: Vec<usize> = chosen.iter().map(|f| f.path.parse().unwrap()).collect();
                let mut place = 0;
                standing.retain(|_| {
                    place += 1;
                    !places.contains(&(place - 1))
                });
                standing.push(rows);
                written += rows;
            }
        }
        assert!(standing.len() < 32, "{standing:?}");
        assert!(written <= 4_096 * 4, "{written}");
    }
}

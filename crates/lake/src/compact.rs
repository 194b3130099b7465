//! Compaction: the files of a partition become few, so that a read opens few.
//!
//! While a day goes on, neighbours of about the same size are merged, so that a row is rewritten a
//! few times at most; when it is over, what is left of small files becomes one.

use std::sync::Arc;

use crate::history::merge::merge;
use crate::history::schema;
use crate::history::write::FileWriter;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX};
use crate::manifest::day_of;
use crate::sealing::blocking;
use crate::{Edit, Entry, Lake, LakeError, Partition, Table};

/// Between two rounds, in microseconds.
const ROUND_MICROS: i64 = 60_000_000;
/// Files of about a size that are merged while a day goes on.
const WIDTH: usize = 4;
/// The smallest size told apart, in bytes.
const SMALLEST: u64 = 1024 * 1024;
/// Files merged at once.
const AT_ONCE: usize = 16;
/// A day is over for good so long after its end, in microseconds: what comes later is rare.
const OVER_MICROS: i64 = 2 * 3_600_000_000;

/// Begins to compact.
pub(crate) fn start(lake: &Arc<Lake>) {
    if !lake.rules.seals {
        return;
    }
    let (lake, tasks) = (Arc::clone(lake), lake.parts.tasks.clone());
    tasks.clone().spawn("compaction", async move {
        loop {
            let next = lake.now().plus_micros(ROUND_MICROS);
            tokio::select! {
                biased;
                () = tasks.stopped() => return,
                () = lake.parts.clock.sleep_until(next) => {}
            }
            if let Err(error) = lake.compact_now().await {
                tracing::warn!(%error, "files of the lake could not be merged; they stay as they are");
            }
        }
    });
}

impl Lake {
    /// Merges files of history and its roll-ups where it is worth it, and says how many there were.
    pub async fn compact_now(self: &Arc<Self>) -> Result<usize, LakeError> {
        let _one_at_a_time = self.compacting.lock().await;
        let mut merged = 0;
        let over = day_of(self.now().plus_micros(-OVER_MICROS));
        let manifest = self.manifest();
        let many = manifest.partitions().filter(|(partition, files)| {
            files.len() > 1 && !matches!(partition.table, Table::Records(_))
        });
        let partitions: Vec<Partition> = many.map(|(partition, _)| partition.clone()).collect();
        drop(manifest);
        for partition in partitions {
            while !self.parts.tasks.is_stopping() {
                let _others_wait = self.rewriting.lock().await;
                let chosen = {
                    let manifest = self.manifest();
                    choose(manifest.files(&partition), partition.day < over)
                };
                if chosen.is_empty() {
                    break;
                }
                merged += chosen.len();
                match self.merge(&partition, chosen).await {
                    // Somebody else was faster: the next round looks again.
                    Err(LakeError::Conflict(_)) => break,
                    other => other?,
                }
            }
        }
        Ok(merged)
    }

    async fn merge(
        self: &Arc<Self>,
        partition: &Partition,
        files: Vec<Arc<Entry>>,
    ) -> Result<(), LakeError> {
        let mut sources = Vec::new();
        for file in &files {
            let source = self.objects.source(&file.path).await?;
            sources.push((file.path.clone(), source));
        }
        let schema = match partition.table {
            Table::Rolled(_) => crate::rollup::schema(),
            _ => schema::schema(),
        };
        let writer = FileWriter::new(self.new_path(partition), partition.clone(), &schema)?;
        let made = blocking(move || merge(sources, writer)).await?;
        let mut edit = Edit {
            remove: files,
            ..Edit::default()
        };
        if let Some(made) = made {
            if let Err(error) = self.put(&made).await {
                self.discard(&[made.entry.path]).await;
                return Err(error);
            }
            edit.add.push(made.entry);
        }
        self.commit(edit).await
    }
}

fn tier(bytes: u64) -> u32 {
    (bytes / SMALLEST)
        .checked_ilog(WIDTH as u64)
        .map_or(0, |tier| tier + 1)
}

/// Which files of a partition to merge next; none: it is well as it is.
fn choose(files: &[Arc<Entry>], is_over: bool) -> Vec<Arc<Entry>> {
    let mut small: Vec<&Arc<Entry>> = files
        .iter()
        .filter(|file| file.bytes < FILE_BYTES_MAX)
        .collect();
    small.sort_by_key(|file| file.bytes);
    let take = |count: usize| -> Vec<Arc<Entry>> {
        let mut sum = 0;
        let chosen = small.iter().take(count.min(AT_ONCE)).take_while(|file| {
            sum += file.bytes;
            sum <= 2 * FILE_BYTES_MAX
        });
        chosen.map(|file| Arc::clone(file)).collect()
    };
    let worth = |chosen: Vec<Arc<Entry>>| {
        if chosen.len() > 1 { chosen } else { Vec::new() }
    };
    if is_over || small.len() > FILES_MAX {
        return worth(take(small.len()));
    }
    // The smallest that are together about as large as the next tier.
    let mut end = small.len();
    while end >= WIDTH {
        let same = small
            .get(..end)
            .into_iter()
            .flatten()
            .rev()
            .take_while(|file| {
                small
                    .get(end - 1)
                    .is_some_and(|last| tier(file.bytes) == tier(last.bytes))
            })
            .count();
        if same >= WIDTH {
            return worth(take(end));
        }
        end -= same.max(1);
    }
    Vec::new()
}

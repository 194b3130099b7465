//! Reading back: the rows of a table by time, a page at a time, whatever is merged meanwhile.
//!
//! Rows of one moment are ordered by a hash of what they say; rows that say the same are as good
//! as each other. So a page ends at a place that means the same in all files, merged or not.

use std::fmt;
use std::fs::File;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::row::{RowConverter, SortField};
use base::{Kind, Tenant};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;

use super::error::RecordError;
use super::files::moments;
use super::limits::ROWS_BYTES_MAX;
use super::merge::widened;
use super::table::RecordTable;
use super::together::given_up;
use crate::{Entry, Lake, Table};

/// Rows that are decoded at once.
const ROWS: usize = 8_192;
const MICROS_OF_A_DAY: i64 = 86_400_000_000;

/// Behind which row a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The moment of the row.
    time: i64,
    /// The hash of what it says.
    hash: u64,
    /// How many rows that say the same were given.
    given: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}.{}", self.time, self.hash, self.given)
    }
}

impl FromStr for Place {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts = || {
            let mut parts = text.split('.');
            let time = parts.next()?.parse().ok()?;
            let hash = u64::from_str_radix(parts.next()?, 16).ok()?;
            let given = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self { time, hash, given })
        };
        parts().ok_or(())
    }
}

/// Which rows are asked for.
#[derive(Debug, Clone)]
pub struct RowsAsk {
    /// The first moment, in microseconds.
    pub from: i64,
    /// The moment before which they end.
    pub to: i64,
    /// Behind which row.
    pub after: Option<Place>,
    /// How many at most.
    pub limit: usize,
}

/// Rows of a table.
#[derive(Debug)]
pub struct RowsPage {
    /// They, in order.
    pub rows: RecordBatch,
    /// Behind which row the next page begins; `None`: there are no more.
    pub next: Option<Place>,
}

impl Lake {
    /// A page of the rows of a table, by time. Of a table without a time column the time is the day of
    /// arrival.
    pub async fn record_rows(
        &self,
        tenant: &Tenant,
        name: &str,
        ask: RowsAsk,
    ) -> Result<RowsPage, RecordError> {
        let table = self.record_table(tenant, name)?;
        let manifest = self.manifest();
        let files = Table::Records(name.to_owned());
        let files: Vec<Arc<Entry>> = manifest
            .table(&files, tenant.as_str())
            .map(Arc::clone)
            .collect();
        drop(manifest);
        let first = ask.after.map_or(ask.from, |place| place.time.max(ask.from));
        let mut top = Top::new(Arc::clone(&table), ask);
        let days = files.chunk_by(|a, b| a.partition.day == b.partition.day);
        for day in days {
            let begin = day.first().map_or(0, |file| i64::from(file.partition.day));
            let begin = begin * MICROS_OF_A_DAY;
            if begin + MICROS_OF_A_DAY <= first || top.is_full_before(begin) {
                continue;
            }
            for file in day {
                top = self.scan_file(top, file).await?;
            }
        }
        let ended = tokio::task::spawn_blocking(move || top.finish());
        ended.await.map_err(|_panic| given_up())?
    }

    async fn scan_file(&self, mut top: Top, file: &Arc<Entry>) -> Result<Top, RecordError> {
        if let Some(path) = self.objects.local(&file.path) {
            let held = Arc::clone(file);
            let scanning = tokio::task::spawn_blocking(move || {
                let opened = File::open(&path).map_err(|source| RecordError::Lake {
                    kind: Kind::Corrupt,
                    reason: format!("the lake's file {}: {source}", held.path),
                })?;
                top.scan(opened, &held)?;
                Ok(top)
            });
            return scanning.await.map_err(|_panic| given_up())?;
        }
        let bytes = self.objects.read(&file.path).await?;
        let held = Arc::clone(file);
        let scanning = tokio::task::spawn_blocking(move || {
            top.scan(bytes, &held)?;
            Ok(top)
        });
        scanning.await.map_err(|_panic| given_up())?
    }
}

/// A row that may be of the page: its moment, its hash, where it stands.
type Found = (i64, u64, usize, usize);

/// The first rows among all that were seen.
struct Top {
    table: Arc<RecordTable>,
    ask: RowsAsk,
    batches: Vec<RecordBatch>,
    found: Vec<Found>,
    /// Rows that count: one more than the page has, or fewer when they are large.
    wanted: usize,
    /// The moment after which no row counts any more.
    last: i64,
    /// Rows that say the same as the one before the page, still to be passed over.
    given: u64,
}

impl Top {
    fn new(table: Arc<RecordTable>, ask: RowsAsk) -> Self {
        Self {
            table,
            batches: Vec::new(),
            found: Vec::new(),
            wanted: ask.limit + 1,
            last: ask.to.saturating_sub(1),
            given: ask.after.map_or(0, |place| place.given),
            ask,
        }
    }

    /// Whether no row from this moment on counts.
    fn is_full_before(&self, moment: i64) -> bool {
        moment > self.last
            || (self.found.len() >= self.wanted && self.found.iter().all(|f| f.0 < moment))
    }

    fn first(&self) -> i64 {
        let after = self.ask.after.map_or(i64::MIN, |place| place.time);
        self.ask.from.max(after)
    }

    fn scan<R: ChunkReader + 'static>(
        &mut self,
        file: R,
        entry: &Entry,
    ) -> Result<(), RecordError> {
        let damaged = |error: &dyn fmt::Display| RecordError::Lake {
            kind: Kind::Corrupt,
            reason: format!("the lake's file {}: {error}", entry.path),
        };
        if self.table.time_column().is_some()
            && (entry.moments.1 < self.first() || entry.moments.0 > self.last)
        {
            return Ok(());
        }
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let builder = builder.map_err(|error| damaged(&error))?;
        let metadata = Arc::clone(builder.metadata());
        let groups = metadata.row_groups().iter().enumerate();
        let groups = groups.filter(|(_, group)| self.may_have(group));
        let groups: Vec<usize> = groups.map(|(place, _)| place).collect();
        let builder = builder.with_row_groups(groups).with_batch_size(ROWS);
        let by_time = self.table.sort_columns().first().copied() == self.table.time_column();
        for rows in builder.build().map_err(|error| damaged(&error))? {
            let rows = widened(&self.table, &rows.map_err(|error| damaged(&error))?)?;
            let begin = i64::from(entry.partition.day) * MICROS_OF_A_DAY;
            let times = moments(&self.table, &rows);
            let times = times.unwrap_or_else(|| vec![begin; rows.num_rows()]);
            if by_time && times.first().is_some_and(|time| *time > self.last) {
                return Ok(());
            }
            self.add(rows, &times)?;
        }
        Ok(())
    }

    /// Whether a row group can have rows that count.
    fn may_have(&self, group: &parquet::file::metadata::RowGroupMetaData) -> bool {
        let Some(place) = self.table.time_column() else {
            return true;
        };
        let (first, last) = (self.first(), self.last);
        match group
            .columns()
            .get(place)
            .and_then(|column| column.statistics())
        {
            Some(Statistics::Int64(of)) => {
                of.min_opt().is_none_or(|min| *min <= last)
                    && of.max_opt().is_none_or(|max| *max >= first)
            }
            _ => true,
        }
    }

    fn add(&mut self, rows: RecordBatch, times: &[i64]) -> Result<(), RecordError> {
        let first = self.first();
        let counts = |time: &i64| (first..=self.last).contains(time);
        if !times.iter().any(counts) {
            return Ok(());
        }
        let hashes = hashes(&rows)?;
        let batch = self.batches.len();
        for (row, (time, hash)) in times.iter().zip(hashes).enumerate() {
            if !counts(time) {
                continue;
            }
            if let Some(after) = self.ask.after {
                let here = (*time, hash).cmp(&(after.time, after.hash));
                if here.is_lt() {
                    continue;
                }
                if here.is_eq() && self.given > 0 {
                    self.given -= 1;
                    continue;
                }
            }
            self.found.push((*time, hash, batch, row));
        }
        self.batches.push(rows);
        if self.found.len() > 2 * self.wanted + ROWS || self.batches.len() > 64 {
            self.shrink()?;
        }
        Ok(())
    }

    /// Keeps the rows that count, in order, as one batch.
    fn shrink(&mut self) -> Result<(), RecordError> {
        self.found.sort_unstable();
        self.found.truncate(self.wanted);
        if self.batches.is_empty() {
            return Ok(());
        }
        let at: Vec<(usize, usize)> = self.found.iter().map(|f| (f.2, f.3)).collect();
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let rows = interleave_record_batch(&batches, &at).map_err(|error| defect(&error))?;
        let bytes = rows.get_array_memory_size();
        if bytes > ROWS_BYTES_MAX {
            // Rows are large: so many fewer, but at least one, and one more to know that there are.
            let share = rows.num_rows() * (ROWS_BYTES_MAX / 1024) / (bytes / 1024).max(1);
            self.wanted = share.max(2).min(self.wanted);
            self.found.truncate(self.wanted);
        }
        let rows = rows.slice(0, self.found.len());
        for (place, found) in self.found.iter_mut().enumerate() {
            (found.2, found.3) = (0, place);
        }
        if self.found.len() >= self.wanted
            && let Some(last) = self.found.last()
        {
            self.last = self.last.min(last.0);
        }
        self.batches = vec![rows];
        Ok(())
    }

    fn finish(mut self) -> Result<RowsPage, RecordError> {
        self.shrink()?;
        let has_more = self.found.len() >= self.wanted;
        let count = self.found.len().min(self.wanted - 1);
        let rows = match self.batches.first() {
            None => RecordBatch::new_empty(Arc::clone(self.table.schema())),
            Some(rows) => rows.slice(0, count),
        };
        let page = self.found.get(..count).unwrap_or_default();
        let next = page.last().filter(|_| has_more).map(|last| {
            let same = page
                .iter()
                .rev()
                .take_while(|f| (f.0, f.1) == (last.0, last.1));
            let before = self.ask.after;
            let before = before.filter(|place| (place.time, place.hash) == (last.0, last.1));
            Place {
                time: last.0,
                hash: last.1,
                given: same.count() as u64 + before.map_or(0, |place| place.given),
            }
        });
        Ok(RowsPage { rows, next })
    }
}

fn defect(error: &dyn fmt::Display) -> RecordError {
    RecordError::Lake {
        kind: Kind::Internal,
        reason: error.to_string(),
    }
}

/// A hash of what each row says (FNV-1a): the same in every file and life of the node.
fn hashes(rows: &RecordBatch) -> Result<Vec<u64>, RecordError> {
    let fields = rows.columns().iter();
    let fields = fields.map(|column| SortField::new(column.data_type().clone()));
    let keys = RowConverter::new(fields.collect())
        .and_then(|converter| converter.convert_columns(rows.columns()))
        .map_err(|error| defect(&error))?;
    let hash = |row: arrow::row::Row<'_>| {
        let bytes = row.as_ref().iter();
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    Ok(keys.iter().map(hash).collect())
}

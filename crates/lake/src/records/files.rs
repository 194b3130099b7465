//! Rows become files: by day, in order, as Parquet.

use std::sync::Arc;

use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{Array as _, AsArray as _, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::row::{RowConverter, SortField};
use base::{Kind, Time};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;

use super::error::RecordError;
use super::table::{ColumnType, RecordTable};
use crate::limits::ROW_GROUP_ROWS;
use crate::manifest::day_of;

const MICROS_OF_A_DAY: i64 = 86_400_000_000;
/// Bytes of different values up to which a column is written as numbers of a dictionary.
const DICTIONARY_BYTES: usize = 256 * 1024;

/// A file that is not written yet.
#[derive(Debug)]
pub(super) struct Encoded {
    /// The day of its rows.
    pub(super) day: i32,
    /// How many they are.
    pub(super) rows: u64,
    /// The first and the last moment.
    pub(super) moments: (i64, i64),
    /// What is to be written.
    pub(super) bytes: Bytes,
}

fn defect(error: &dyn std::fmt::Display) -> RecordError {
    RecordError::Lake {
        kind: Kind::Internal,
        reason: error.to_string(),
    }
}

/// The moments of rows in microseconds; `None`: the table has no time column.
pub(super) fn moments(table: &RecordTable, rows: &RecordBatch) -> Option<Vec<i64>> {
    let values = rows.columns().get(table.time_column()?)?;
    if let Some(micros) = values.as_primitive_opt::<TimestampMicrosecondType>() {
        return Some(micros.values().to_vec());
    }
    let days = values.as_primitive_opt::<arrow::array::types::Date32Type>()?;
    let micros = days
        .values()
        .iter()
        .map(|day| i64::from(*day) * MICROS_OF_A_DAY);
    Some(micros.collect())
}

/// The rows as files. They are of the table and checked; those of a table without a time column
/// belong to the day of `arrival`.
pub(super) fn files_of(
    table: &RecordTable,
    rows: &[RecordBatch],
    arrival: Time,
) -> Result<Vec<Encoded>, RecordError> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let rows = match rows {
        [one] => one.clone(),
        many => concat_batches(&first.schema(), many).map_err(|error| defect(&error))?,
    };
    let rows = RecordBatch::try_new(Arc::clone(table.schema()), rows.columns().to_vec())
        .map_err(|error| defect(&error))?;
    let times = moments(table, &rows);
    let rows = match order(table, &rows, times.as_deref())? {
        None => rows,
        Some(order) => take_record_batch(&rows, &order).map_err(|error| defect(&error))?,
    };
    let Some(times) = moments(table, &rows) else {
        let at = arrival.as_micros();
        return Ok(vec![encoded(table, &rows, day_of(arrival), (at, at))?]);
    };
    let mut files = Vec::new();
    let mut from = 0;
    let by_day = times.chunk_by(|a, b| day_of(Time(*a)) == day_of(Time(*b)));
    for day in by_day {
        let first = day.iter().min().copied().unwrap_or_default();
        let last = day.iter().max().copied().unwrap_or_default();
        let part = rows.slice(from, day.len());
        files.push(encoded(table, &part, day_of(Time(first)), (first, last))?);
        from += day.len();
    }
    Ok(files)
}

/// The order of rows by day and by the columns that the table says; `None`: they stand in it.
fn order(
    table: &RecordTable,
    rows: &RecordBatch,
    times: Option<&[i64]>,
) -> Result<Option<UInt32Array>, RecordError> {
    let sort = table.sort_columns();
    let count = u32::try_from(rows.num_rows()).map_err(|error| defect(&error))?;
    if let (Some(times), Some(time)) = (times, table.time_column())
        && sort == [time]
    {
        if times.is_sorted() {
            return Ok(None);
        }
        let mut keyed: Vec<(i64, u32)> = times.iter().copied().zip(0..count).collect();
        keyed.sort_unstable();
        let order = keyed.into_iter().map(|(_, row)| row);
        return Ok(Some(order.collect::<Vec<_>>().into()));
    }
    let day = |row: u32| {
        let time = times.and_then(|times| times.get(row as usize));
        time.map_or(0, |time| day_of(Time(*time)))
    };
    let mut order: Vec<u32> = (0..count).collect();
    let columns: Vec<_> = sort
        .iter()
        .filter_map(|place| rows.columns().get(*place).cloned())
        .collect();
    if columns.is_empty() {
        order.sort_by_key(|row| day(*row));
        return Ok((!order.is_sorted()).then(|| order.into()));
    }
    let fields = columns
        .iter()
        .map(|c| SortField::new(c.data_type().clone()));
    let keys = RowConverter::new(fields.collect())
        .and_then(|converter| converter.convert_columns(&columns))
        .map_err(|error| defect(&error))?;
    order.sort_by(|a, b| {
        let by_day = day(*a).cmp(&day(*b));
        by_day.then_with(|| keys.row(*a as usize).cmp(&keys.row(*b as usize)))
    });
    Ok((!order.is_sorted()).then(|| order.into()))
}

fn encoded(
    table: &RecordTable,
    rows: &RecordBatch,
    day: i32,
    moments: (i64, i64),
) -> Result<Encoded, RecordError> {
    let mut bytes = Vec::with_capacity(1024);
    let writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties(table)));
    let written = writer.and_then(|mut writer| {
        writer.write(rows)?;
        writer.close()
    });
    written.map_err(|error| defect(&error))?;
    Ok(Encoded {
        day,
        rows: rows.num_rows() as u64,
        moments,
        bytes: bytes.into(),
    })
}

/// How files are written.
fn properties(table: &RecordTable) -> WriterProperties {
    let sorting = table.sort_columns().into_iter().map(|place| SortingColumn {
        column_idx: i32::try_from(place).unwrap_or(0),
        descending: false,
        nulls_first: true,
    });
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_sorting_columns(Some(sorting.collect()))
        .set_created_by(format!("chorsu {}", env!("CARGO_PKG_VERSION")));
    for column in table.columns() {
        // Moments and numbers of 64 bits that mean someone are nearly all different.
        if matches!(column.kind, ColumnType::Timestamp) {
            let path = column.name.as_str().into();
            properties = properties
                .set_column_dictionary_enabled(path, false)
                .set_column_encoding(
                    column.name.as_str().into(),
                    parquet::basic::Encoding::DELTA_BINARY_PACKED,
                );
        }
    }
    properties.build()
}

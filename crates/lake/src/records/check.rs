//! Rows as they came become rows as the table has them, or are refused with row and column.

use std::sync::Arc;

use arrow::array::types::{
    Date32Type, Date64Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
    TimestampNanosecondType,
};
use arrow::array::{Array as _, ArrayRef, AsArray as _, PrimitiveArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::error::RecordError;
use super::limits::{CELL_BYTES_MAX, FILE_BYTES, SLICE_ROWS};
use super::table::{Column, ColumnType, RecordTable};
use super::values::is_h3;

/// The first and the last microsecond of the years 1 to 9999.
const MICROS: (i64, i64) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
/// The first and the last of their days.
const DAYS: (i32, i32) = (-719_162, 2_932_896);

/// The schema of a table, before anybody looked for nulls.
pub(super) fn lenient(table: &RecordTable) -> SchemaRef {
    let fields = table.schema().fields().iter();
    let fields: Vec<Field> = fields
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// How the columns that came become those of the table.
#[derive(Debug)]
pub(super) struct Fitting {
    table: Arc<RecordTable>,
    /// For each column of the table, where it stands in what came.
    places: Vec<Option<usize>>,
}

impl Fitting {
    /// Refuses columns that the table does not have, that it has as something else, and that it
    /// wants.
    pub(super) fn new(table: &Arc<RecordTable>, came: &Schema) -> Result<Self, RecordError> {
        let mut places = vec![None; table.columns().len()];
        for (place, field) in came.fields().iter().enumerate() {
            let found = table
                .place(field.name())
                .and_then(|own| Some((table.columns().get(own)?, places.get_mut(own)?)));
            let Some((column, slot)) = found else {
                return Err(unknown(table, field.name()));
            };
            if slot.replace(place).is_some() {
                return Err(twice(field.name()));
            }
            if let Err(reason) = fits(field.data_type(), column.kind) {
                let detail = format!("the column '{}': {reason}", column.name);
                return Err(RecordError::Invalid(detail));
            }
        }
        wanted(table, &places)?;
        Ok(Self {
            table: Arc::clone(table),
            places,
        })
    }

    /// The rows as the table has them, a slice at a time. `before` rows of the batch came earlier.
    pub(super) fn fit(
        &self,
        came: &RecordBatch,
        before: u64,
        mut take: impl FnMut(RecordBatch) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let mut at = 0;
        while at < came.num_rows() {
            let rows = SLICE_ROWS.min(came.num_rows() - at);
            let slice = came.slice(at, rows);
            let first = before + at as u64 + 1;
            let columns = self.places.iter().zip(self.table.columns());
            let columns: Result<Vec<ArrayRef>, RecordError> = columns
                .map(|(place, column)| match place {
                    None => Ok(arrow::array::new_null_array(&column.kind.arrow(), rows)),
                    Some(place) => converted(slice.column(*place), column, first),
                })
                .collect();
            let fitted = RecordBatch::try_new(lenient(&self.table), columns?);
            take(fitted.map_err(|error| RecordError::Invalid(error.to_string()))?)?;
            at += rows;
        }
        Ok(())
    }
}

/// A column that the table does not have.
pub(super) fn unknown(table: &RecordTable, name: &str) -> RecordError {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let known: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    RecordError::Invalid(format!(
        "the table '{}' has no column '{shown}'; it has: {}",
        table.name,
        known.join(", ")
    ))
}

/// A column that comes twice.
pub(super) fn twice(name: &str) -> RecordError {
    RecordError::Invalid(format!("the column '{name}' comes twice"))
}

/// Refuses to go on when a column is missing that may not be null.
pub(super) fn wanted(table: &RecordTable, places: &[Option<usize>]) -> Result<(), RecordError> {
    let missing = table.columns().iter().zip(places);
    let mut missing = missing.filter(|(column, place)| place.is_none() && !column.nullable);
    missing.next().map_or(Ok(()), |(column, _)| {
        let detail = format!("the column '{}' is missing and not nullable", column.name);
        Err(RecordError::Invalid(detail))
    })
}

/// Whether every value of a type of Arrow can be one of the column, or be refused by itself.
fn fits(came: &DataType, kind: ColumnType) -> Result<(), String> {
    use DataType as D;
    let fits = match kind {
        ColumnType::Bool => matches!(came, D::Boolean),
        ColumnType::Int32 => {
            matches!(came, D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16)
        }
        ColumnType::Int64 => came.is_integer(),
        ColumnType::Float64 | ColumnType::Longitude | ColumnType::Latitude => {
            matches!(came, D::Float32 | D::Float64)
        }
        ColumnType::Text => is_text(came),
        ColumnType::Timestamp => match came {
            D::Timestamp(_, Some(_)) => true,
            D::Timestamp(_, None) => {
                return Err("the times have no time zone: say that they are of UTC".to_owned());
            }
            _ => false,
        },
        ColumnType::Date => matches!(came, D::Date32 | D::Date64),
        ColumnType::Decimal { precision, scale } => match came {
            D::Decimal128(p, s) | D::Decimal64(p, s) | D::Decimal32(p, s) => {
                let whole = i16::from(precision) - i16::from(scale);
                *s >= 0
                    && i16::from(*s) <= i16::from(scale)
                    && i16::from(*p) - i16::from(*s) <= whole
            }
            _ => false,
        },
        ColumnType::Binary => matches!(came, D::Binary | D::LargeBinary | D::BinaryView),
        ColumnType::H3 => matches!(came, D::Int64 | D::UInt64) || is_text(came),
    };
    if fits {
        return Ok(());
    }
    Err(format!("it is {kind}, and {came} came"))
}

fn is_text(came: &DataType) -> bool {
    match came {
        DataType::Dictionary(_, values) => is_text(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        _ => false,
    }
}

/// The values as the table has them.
fn converted(came: &ArrayRef, column: &Column, first: u64) -> Result<ArrayRef, RecordError> {
    let target = column.kind.arrow();
    if *came.data_type() == target {
        return Ok(Arc::clone(came));
    }
    bounded(came, column, first)?;
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = came.data_type() {
        let nanos = came.as_primitive::<TimestampNanosecondType>();
        each(nanos, column, first, |nanos| {
            (nanos % 1_000 != 0).then(|| "a time is finer than a microsecond".to_owned())
        })?;
    }
    if *came.data_type() == DataType::Date64 {
        let millis = came.as_primitive::<Date64Type>();
        each(millis, column, first, |millis| {
            let day = millis.div_euclid(86_400_000);
            if !(i64::from(DAYS.0)..=i64::from(DAYS.1)).contains(&day) {
                return Some(format!("day {day} is not within the years 1 to 9999"));
            }
            (millis % 86_400_000 != 0).then(|| "a date has a time of day".to_owned())
        })?;
    }
    if column.kind == ColumnType::H3 && is_text(came.data_type()) {
        return cells(came, column, first);
    }
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let to = cast_with_options(came, &target, &options);
    let to =
        to.map_err(|error| RecordError::Invalid(format!("the column '{}': {error}", column.name)))?;
    // What does not fit became null.
    if to.null_count() > came.logical_null_count() {
        let nulls = came.logical_nulls();
        let was_null = |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let row = (0..to.len()).find(|row| to.is_null(*row) && !was_null(*row));
        let reason = format!("the value does not fit into {}", column.kind);
        let row = first + row.unwrap_or(0) as u64;
        return Err(RecordError::cell(row, &column.name, reason));
    }
    Ok(to)
}

/// Refuses texts that take more memory once they are written out than rows at a time may:
/// dictionaries and views can name one long text a thousand times.
fn bounded(came: &ArrayRef, column: &Column, first: u64) -> Result<(), RecordError> {
    let too_much = || {
        let reason = format!(
            "texts of {SLICE_ROWS} rows take more than {} MiB",
            FILE_BYTES / (1024 * 1024)
        );
        Err(RecordError::cell(first, &column.name, reason))
    };
    let sum: usize = match came.data_type() {
        DataType::Utf8View => {
            let views = came.as_string_view().views().iter();
            views.map(|view| (*view & 0xffff_ffff) as usize).sum()
        }
        DataType::BinaryView => {
            let views = came.as_binary_view().views().iter();
            views.map(|view| (*view & 0xffff_ffff) as usize).sum()
        }
        DataType::Dictionary(..) => {
            let dictionary = came.as_any_dictionary();
            if dictionary.values().is_empty() {
                return Ok(());
            }
            let keys = dictionary.normalized_keys();
            let values = arrow::compute::kernels::length::length(dictionary.values());
            let Ok(lengths) = values else {
                return too_much();
            };
            let lengths = arrow::compute::cast(&lengths, &DataType::Int64);
            let Ok(lengths) = lengths else {
                return too_much();
            };
            let lengths = lengths.as_primitive::<Int64Type>().values().to_vec();
            let of = |key: &usize| lengths.get(*key).and_then(|n| usize::try_from(*n).ok());
            keys.iter().filter_map(of).sum()
        }
        _ => 0,
    };
    if sum > FILE_BYTES {
        return too_much();
    }
    Ok(())
}

/// Cells of H3 from their text.
fn cells(came: &ArrayRef, column: &Column, first: u64) -> Result<ArrayRef, RecordError> {
    let texts = arrow::compute::cast(came, &DataType::Utf8)
        .map_err(|error| RecordError::Invalid(error.to_string()))?;
    let texts = texts.as_string::<i32>();
    let mut cells = Vec::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        cells.push(match text {
            None => None,
            Some(text) => Some(super::values::h3(text).ok_or_else(|| {
                let shown: String = text.chars().take(32).collect();
                let reason = format!("'{shown}' is no h3 cell");
                RecordError::cell(first + row as u64, &column.name, reason)
            })?),
        });
    }
    Ok(Arc::new(PrimitiveArray::<Int64Type>::from(cells)))
}

/// Refuses the first value of a column, not null, of which something is said.
fn each<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    column: &Column,
    first: u64,
    wrong: impl Fn(T::Native) -> Option<String>,
) -> Result<(), RecordError> {
    for (row, value) in values.values().iter().enumerate() {
        if let Some(reason) = wrong(*value)
            && values.is_valid(row)
        {
            return Err(RecordError::cell(first + row as u64, &column.name, reason));
        }
    }
    Ok(())
}

/// Refuses values that no row of the table may have; the rows are of its types. The first of them is row
/// `first` of the batch.
pub(super) fn check(
    table: &RecordTable,
    rows: &RecordBatch,
    first: u64,
) -> Result<(), RecordError> {
    for (column, values) in table.columns().iter().zip(rows.columns()) {
        if !column.nullable && values.null_count() > 0 {
            let row = (0..values.len()).find(|row| values.is_null(*row));
            let row = first + row.unwrap_or(0) as u64;
            let reason = "a value is missing, and the column is not nullable";
            return Err(RecordError::cell(row, &column.name, reason));
        }
        check_column(column, values, first)?;
    }
    Ok(())
}

fn check_column(column: &Column, values: &ArrayRef, first: u64) -> Result<(), RecordError> {
    let degrees = |end: f64| {
        move |value: f64| {
            let is_place = (-end..=end).contains(&value);
            (!is_place).then(|| format!("{value} is not within -{end} and {end}"))
        }
    };
    match column.kind {
        ColumnType::Bool | ColumnType::Int32 | ColumnType::Int64 => Ok(()),
        ColumnType::Float64 => {
            let floats = values.as_primitive::<Float64Type>();
            each(floats, column, first, |value| {
                (!value.is_finite()).then(|| format!("{value} is no number: leave it out"))
            })
        }
        ColumnType::Longitude => {
            let floats = values.as_primitive::<Float64Type>();
            each(floats, column, first, degrees(180.0))
        }
        ColumnType::Latitude => {
            let floats = values.as_primitive::<Float64Type>();
            each(floats, column, first, degrees(90.0))
        }
        ColumnType::Text => lengths(values.as_string::<i32>().value_offsets(), column, first),
        ColumnType::Binary => lengths(values.as_binary::<i32>().value_offsets(), column, first),
        ColumnType::Timestamp => {
            let times = values.as_primitive::<TimestampMicrosecondType>();
            each(times, column, first, |micros| {
                let is_known = (MICROS.0..=MICROS.1).contains(&micros);
                (!is_known).then(|| format!("{micros} µs is not within the years 1 to 9999"))
            })
        }
        ColumnType::Date => {
            let days = values.as_primitive::<Date32Type>();
            each(days, column, first, |day| {
                let is_known = (DAYS.0..=DAYS.1).contains(&day);
                (!is_known).then(|| format!("day {day} is not within the years 1 to 9999"))
            })
        }
        ColumnType::Decimal { precision, .. } => {
            let decimals = values.as_primitive::<Decimal128Type>();
            let end = 10_i128.checked_pow(u32::from(precision));
            let end = end.unwrap_or(i128::MAX).unsigned_abs();
            each(decimals, column, first, |digits| {
                let too_many = digits.unsigned_abs() >= end;
                too_many.then(|| format!("there are more than {precision} digits"))
            })
        }
        ColumnType::H3 => {
            let cells = values.as_primitive::<Int64Type>();
            each(cells, column, first, |cell| {
                (!is_h3(cell)).then(|| format!("{cell} is no h3 cell"))
            })
        }
    }
}

fn lengths(offsets: &[i32], column: &Column, first: u64) -> Result<(), RecordError> {
    let lengths = offsets.windows(2).map(|pair| match pair {
        [from, to] => usize::try_from(to - from).unwrap_or(0),
        _ => 0,
    });
    let mut long = lengths.enumerate().filter(|(_, len)| *len > CELL_BYTES_MAX);
    long.next().map_or(Ok(()), |(row, len)| {
        let reason = format!("{len} bytes are more than {CELL_BYTES_MAX}");
        Err(RecordError::cell(first + row as u64, &column.name, reason))
    })
}

//! From the columns of a batch to rows.

use arrow::array::{
    Array as _, AsArray as _, BinaryArray, BooleanArray, Float64Array, Int8Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use base::{Name, Seq, Time};
use ngsi::temporal::{InstanceId, Rolled, RolledNumbers, RolledValue};
use ngsi::{Attribute, AttributeValue};
use ports::{PastRow, PastValue};

use super::file::{Run, Wanted};
use crate::history::detail;
use crate::history::schema::{DELETED, FLOAT, INT, TEXT, WIDE};
use crate::{Entry, LakeError};

/// What is said of a file that is not what was written.
pub(super) fn damaged(entry: &Entry) -> LakeError {
    LakeError::Corrupt(format!("the file {} cannot be read", entry.path))
}

fn text(batch: &RecordBatch, name: &str) -> Option<StringArray> {
    let column = batch.column_by_name(name)?;
    column.as_string_opt::<i32>().cloned()
}

fn times(batch: &RecordBatch, name: &str) -> Option<TimestampMicrosecondArray> {
    let column = batch.column_by_name(name)?;
    column
        .as_primitive_opt::<TimestampMicrosecondType>()
        .cloned()
}

fn longs(batch: &RecordBatch, name: &str) -> Option<Int64Array> {
    let column = batch.column_by_name(name)?;
    column.as_primitive_opt::<Int64Type>().cloned()
}

fn floats(batch: &RecordBatch, name: &str) -> Option<Float64Array> {
    let column = batch.column_by_name(name)?;
    column.as_primitive_opt::<Float64Type>().cloned()
}

fn there(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// The columns that tell series apart.
#[derive(Debug)]
pub(super) struct Names {
    entity: StringArray,
    attribute: StringArray,
    dataset: StringArray,
}

impl Names {
    pub(super) const COLUMNS: [&str; 3] = ["entity", "attribute_uri", "dataset"];

    pub(super) fn of(batch: &RecordBatch) -> Option<Self> {
        Some(Self {
            entity: text(batch, "entity")?,
            attribute: text(batch, "attribute_uri")?,
            dataset: text(batch, "dataset")?,
        })
    }

    /// Appends the runs of the entity's series; the first row is the `start`th of the row group.
    pub(super) fn runs(&self, wanted: Wanted<'_>, start: usize, runs: &mut Vec<Run>) {
        for row in 0..self.entity.len() {
            if self.entity.value(row) != wanted.entity {
                continue;
            }
            let at = start + row;
            let (name, dataset) = (self.attribute.value(row), there(&self.dataset, row));
            if let Some(run) = runs.last_mut()
                && run.rows.end == at
                && *run.name == *name
                && run.dataset_id.as_deref() == dataset
            {
                run.rows.end += 1;
            } else if wanted.has(name) {
                runs.push(Run {
                    name: name.into(),
                    dataset_id: dataset.map(Name::from),
                    rows: at..at + 1,
                });
            }
        }
    }
}

/// Names that come again and again are one.
#[derive(Debug, Default)]
struct Last(Option<Name>);

impl Last {
    fn name(&mut self, text: Option<&str>) -> Option<Name> {
        let text = text?;
        match &self.0 {
            Some(last) if **last == *text => {}
            _ => self.0 = Some(text.into()),
        }
        self.0.clone()
    }
}

/// The columns of instances.
#[derive(Debug)]
pub(super) struct Instances {
    time: TimestampMicrosecondArray,
    observed: BooleanArray,
    modified_at: TimestampMicrosecondArray,
    created_at: TimestampMicrosecondArray,
    number: Float64Array,
    text: StringArray,
    kind: Int8Array,
    unit: StringArray,
    value_type: StringArray,
    detail: BinaryArray,
    seq: Int64Array,
    place: Int32Array,
    arrived_seq: Int64Array,
    arrived_place: Int32Array,
}

impl Instances {
    pub(super) const COLUMNS: [&str; 14] = [
        "time",
        "observed",
        "modified_at",
        "created_at",
        "number",
        "text",
        "kind",
        "unit",
        "value_type",
        "detail",
        "seq",
        "place",
        "arrived_seq",
        "arrived_place",
    ];

    pub(super) fn of(batch: &RecordBatch) -> Option<Self> {
        let small = |name| {
            let column = batch.column_by_name(name)?;
            column.as_primitive_opt::<Int32Type>().cloned()
        };
        let kind = batch.column_by_name("kind")?;
        Some(Self {
            time: times(batch, "time")?,
            observed: batch.column_by_name("observed")?.as_boolean_opt()?.clone(),
            modified_at: times(batch, "modified_at")?,
            created_at: times(batch, "created_at")?,
            number: floats(batch, "number")?,
            text: text(batch, "text")?,
            kind: kind.as_primitive_opt::<Int8Type>()?.clone(),
            unit: text(batch, "unit")?,
            value_type: text(batch, "value_type")?,
            detail: batch.column_by_name("detail")?.as_binary_opt()?.clone(),
            seq: longs(batch, "seq")?,
            place: small("place")?,
            arrived_seq: longs(batch, "arrived_seq")?,
            arrived_place: small("arrived_place")?,
        })
    }

    /// The moment of a row.
    pub(super) fn moment(&self, row: usize) -> i64 {
        self.time.value(row)
    }

    /// All rows of those moments, in order, each with its place; `like` has the names of series.
    pub(super) fn rows(
        &self,
        moments: (i64, i64),
        mut like: impl FnMut(usize) -> Option<(Name, Option<Name>)>,
        mut each: impl FnMut(usize, PastRow),
    ) -> Result<(), LakeError> {
        let (mut unit, mut value_type) = (Last::default(), Last::default());
        for row in 0..self.time.len() {
            let moment = self.moment(row);
            if moment < moments.0 || moments.1 < moment {
                continue;
            }
            let id = id(self.seq.value(row), self.place.value(row))?;
            let is_later = self.arrived_seq.is_valid(row) && self.arrived_place.is_valid(row);
            let arrived = if is_later {
                let (seq, place) = (self.arrived_seq.value(row), self.arrived_place.value(row));
                self::id(seq, place)?
            } else {
                id
            };
            let mut past = PastRow {
                moment: Time(moment),
                observed: self.observed.value(row),
                modified_at: Time(self.modified_at.value(row)),
                created_at: Time(self.created_at.value(row)),
                unit_code: unit.name(there(&self.unit, row)),
                value_type: value_type.name(there(&self.value_type, row)),
                id,
                arrived,
                value: PastValue::Deleted,
            };
            past.value = match self.kind.value(row) {
                INT => PastValue::Int(whole(self.number.value(row))),
                FLOAT => PastValue::Float(self.number.value(row)),
                DELETED => PastValue::Deleted,
                kind @ (TEXT | WIDE) => {
                    let names = like(row).ok_or_else(no_such_row)?;
                    let like = attribute(names, &past);
                    PastValue::Wide(Box::new(self.wide(kind, row, like)?))
                }
                kind => {
                    return Err(LakeError::Corrupt(format!("no row is of the kind {kind}")));
                }
            };
            each(row, past);
        }
        Ok(())
    }

    fn wide(&self, kind: i8, row: usize, mut like: Attribute) -> Result<Attribute, LakeError> {
        if kind == TEXT {
            like.value = AttributeValue::Property(self.text.value(row).into());
            return Ok(like);
        }
        detail::decode(self.detail.value(row), like)
    }
}

fn no_such_row() -> LakeError {
    LakeError::Corrupt("a file has more rows than it says".to_owned())
}

/// What the columns say of an attribute.
fn attribute((name, dataset_id): (Name, Option<Name>), row: &PastRow) -> Attribute {
    let mut attribute = Attribute::new(name, AttributeValue::Null);
    attribute.dataset_id = dataset_id;
    attribute.observed_at = row.observed.then_some(row.moment);
    attribute.modified_at = row.modified_at;
    attribute.created_at = row.created_at;
    attribute.unit_code.clone_from(&row.unit_code);
    attribute.value_type.clone_from(&row.value_type);
    attribute
}

fn id(seq: i64, place: i32) -> Result<InstanceId, LakeError> {
    let wrong = |_negative| LakeError::Corrupt("a change has a number below 0".to_owned());
    Ok(InstanceId {
        seq: Seq(u64::try_from(seq).map_err(wrong)?),
        index: u32::try_from(place).map_err(wrong)?,
    })
}

/// A whole number: the writer gives numbers that are no exact floats another kind.
#[expect(clippy::cast_possible_truncation, reason = "it was a whole number")]
fn whole(number: f64) -> i64 {
    number as i64
}

/// The columns of what is rolled up.
#[derive(Debug)]
pub(super) struct RolledUp {
    time: TimestampMicrosecondArray,
    observed: BooleanArray,
    unit: StringArray,
    count: Int64Array,
    min: Float64Array,
    max: Float64Array,
    sum: Float64Array,
    sum_of_squares: Float64Array,
    last: Float64Array,
    last_at: TimestampMicrosecondArray,
    last_text: StringArray,
}

impl RolledUp {
    pub(super) const COLUMNS: [&str; 11] = [
        "time",
        "observed",
        "unit",
        "count",
        "min",
        "max",
        "sum",
        "sum_of_squares",
        "last",
        "last_at",
        "last_text",
    ];

    pub(super) fn of(batch: &RecordBatch) -> Option<Self> {
        Some(Self {
            time: times(batch, "time")?,
            observed: batch.column_by_name("observed")?.as_boolean_opt()?.clone(),
            unit: text(batch, "unit")?,
            count: longs(batch, "count")?,
            min: floats(batch, "min")?,
            max: floats(batch, "max")?,
            sum: floats(batch, "sum")?,
            sum_of_squares: floats(batch, "sum_of_squares")?,
            last: floats(batch, "last")?,
            last_at: times(batch, "last_at")?,
            last_text: text(batch, "last_text")?,
        })
    }

    /// All rows of those moments, in order, each with its place.
    pub(super) fn rows(
        &self,
        period: i64,
        moments: (i64, i64),
        mut each: impl FnMut(usize, PastRow),
    ) {
        let mut unit = Last::default();
        let (mut before, mut index) = (None, 0);
        for row in 0..self.time.len() {
            let moment = self.time.value(row);
            // Several of one period differ in their unit or kind.
            index = if before == Some(moment) { index + 1 } else { 0 };
            before = Some(moment);
            let Some(count) = u64::try_from(self.count.value(row)).ok().filter(|c| *c > 0) else {
                continue;
            };
            if moment < moments.0 || moments.1 < moment {
                continue;
            }
            let last_at = Time(self.last_at.value(row));
            let rolled = Rolled {
                period,
                count,
                value: self.value(row),
                last_at,
            };
            let id = InstanceId::rolled(index);
            let past = PastRow {
                moment: Time(moment),
                observed: self.observed.value(row),
                modified_at: last_at,
                created_at: Time(moment),
                unit_code: unit.name(there(&self.unit, row)),
                value_type: None,
                id,
                arrived: id,
                value: PastValue::Rolled(Box::new(rolled)),
            };
            each(row, past);
        }
    }

    fn value(&self, row: usize) -> RolledValue {
        if self.last.is_null(row) {
            let text = there(&self.last_text, row).unwrap_or_default();
            return RolledValue::Last(text.to_owned());
        }
        RolledValue::Numbers(RolledNumbers {
            min: self.min.value(row),
            max: self.max.value(row),
            sum: self.sum.value(row),
            sum_of_squares: self.sum_of_squares.value(row),
            last: self.last.value(row),
        })
    }
}

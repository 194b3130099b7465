//! From instances to batches: rows of one partition are gathered, ordered and made columns.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Float64Builder, Int8Builder, Int32Builder,
    Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use base::{Name, Seq};
use ngsi::{Attribute, AttributeValue, Uris};
use ports::{PastRow, PastSeries, PastValue};
use serde_json::Value;

use super::detail;
use super::schema::{DELETED, FLOAT, INT, TEXT, WIDE, schema, short};
use crate::LakeError;

/// Up to here every whole number is a float of its own.
const EXACT_MAX: u64 = 1 << 53;

/// Rows of one partition that are being gathered.
#[derive(Debug, Default)]
pub struct Rows {
    gathered: Vec<PastRow>,
    runs: Vec<Run>,
    /// About how many bytes they hold beside themselves.
    wide: usize,
}

/// Rows of one series that stand together.
#[derive(Debug)]
struct Run {
    series: Arc<PastSeries>,
    from: usize,
    until: usize,
}

impl Rows {
    /// Appends rows of a series, in the order of moment and id. An entity's series may come in any
    /// order, its rows before those of the next entity.
    pub fn extend(&mut self, series: &Arc<PastSeries>, rows: impl Iterator<Item = PastRow>) {
        let from = self.gathered.len();
        let wide = &mut self.wide;
        self.gathered
            .extend(rows.inspect(|row| *wide += weight(&row.value)));
        let until = self.gathered.len();
        self.runs.push(Run {
            series: Arc::clone(series),
            from,
            until,
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.gathered.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.gathered.len() * size_of::<PastRow>() + self.wide
    }

    /// All rows as a batch in the order of files; none are left.
    pub fn take(&mut self) -> Result<RecordBatch, LakeError> {
        let Self {
            gathered: rows,
            mut runs,
            ..
        } = std::mem::take(self);
        runs.sort_by(|a, b| key(&a.series).cmp(&key(&b.series)));
        let mut columns = Columns::for_rows(rows.len());
        for run in &runs {
            let rows = rows.get(run.from..run.until).unwrap_or_default();
            columns.push_names(&run.series, rows.len());
            for row in rows {
                columns.push(&run.series, row)?;
            }
        }
        columns.finish()
    }
}

fn key(series: &PastSeries) -> (&Name, &Name, Option<&Name>) {
    (&series.entity, &series.name, series.dataset_id.as_ref())
}

/// About how many bytes a value takes beside its row.
fn weight(value: &PastValue) -> usize {
    match value {
        PastValue::Wide(attribute) => attribute_weight(attribute),
        _ => 0,
    }
}

fn attribute_weight(attribute: &Attribute) -> usize {
    let value = match &attribute.value {
        AttributeValue::Property(Value::String(text)) => text.len(),
        AttributeValue::Property(Value::Number(_) | Value::Bool(_)) => 0,
        AttributeValue::Geo(geometry) => 24 * geometry.positions().count(),
        AttributeValue::Property(value) | AttributeValue::Json(value) => json_weight(value),
        AttributeValue::Language(map) => map.iter().map(|(k, v)| k.len() + json_weight(v)).sum(),
        AttributeValue::List(values) => values.iter().map(json_weight).sum(),
        _ => 64,
    };
    size_of::<Attribute>() + value + attribute.sub.iter().map(attribute_weight).sum::<usize>()
}

fn json_weight(value: &Value) -> usize {
    let inner: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(json_weight).sum(),
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + json_weight(v)).sum(),
        _ => 0,
    };
    size_of::<Value>() + inner
}

/// The columns of a batch; see [`schema`].
#[derive(Debug)]
struct Columns {
    entity: StringBuilder,
    class: StringBuilder,
    class_uri: StringBuilder,
    attribute: StringBuilder,
    attribute_uri: StringBuilder,
    dataset: StringBuilder,
    time: TimestampMicrosecondBuilder,
    observed: BooleanBuilder,
    modified_at: TimestampMicrosecondBuilder,
    created_at: TimestampMicrosecondBuilder,
    number: Float64Builder,
    text: StringBuilder,
    kind: Int8Builder,
    unit: StringBuilder,
    value_type: StringBuilder,
    detail: BinaryBuilder,
    seq: Int64Builder,
    place: Int32Builder,
    arrived_seq: Int64Builder,
    arrived_place: Int32Builder,
    /// Room for what is encoded.
    room: Vec<u8>,
}

impl Columns {
    fn for_rows(rows: usize) -> Self {
        let text = |each: usize| StringBuilder::with_capacity(rows, rows * each);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        Self {
            entity: text(40),
            class: text(12),
            class_uri: text(48),
            attribute: text(12),
            attribute_uri: text(48),
            dataset: StringBuilder::new(),
            time: time(),
            observed: BooleanBuilder::with_capacity(rows),
            modified_at: time(),
            created_at: time(),
            number: Float64Builder::with_capacity(rows),
            text: StringBuilder::new(),
            kind: Int8Builder::with_capacity(rows),
            unit: StringBuilder::new(),
            value_type: StringBuilder::new(),
            detail: BinaryBuilder::new(),
            seq: Int64Builder::with_capacity(rows),
            place: Int32Builder::with_capacity(rows),
            arrived_seq: Int64Builder::with_capacity(rows),
            arrived_place: Int32Builder::with_capacity(rows),
            room: Vec::new(),
        }
    }

    /// The names of a series, for so many rows.
    fn push_names(&mut self, series: &PastSeries, rows: usize) {
        let class = series.types.first().map_or("", |name| &**name);
        self.entity.append_value_n(&series.entity, rows);
        self.class.append_value_n(short(class), rows);
        self.class_uri.append_value_n(class, rows);
        self.attribute.append_value_n(short(&series.name), rows);
        self.attribute_uri.append_value_n(&series.name, rows);
        match &series.dataset_id {
            Some(dataset) => self.dataset.append_value_n(dataset, rows),
            None => self.dataset.append_nulls(rows),
        }
    }

    fn push(&mut self, series: &PastSeries, row: &PastRow) -> Result<(), LakeError> {
        self.time.append_value(row.moment.0);
        self.observed.append_value(row.observed);
        self.modified_at.append_value(row.modified_at.0);
        self.created_at.append_value(row.created_at.0);
        self.unit.append_option(row.unit_code.as_deref());
        self.value_type.append_option(row.value_type.as_deref());
        self.seq.append_value(signed(row.id.seq));
        self.place.append_value(place(row.id.index));
        let replaced = row.arrived != row.id;
        let arrived = replaced.then_some(row.arrived);
        self.arrived_seq
            .append_option(arrived.map(|id| signed(id.seq)));
        self.arrived_place
            .append_option(arrived.map(|id| place(id.index)));
        match &row.value {
            PastValue::Int(int) if int.unsigned_abs() <= EXACT_MAX => {
                self.push_value(INT, Some(nearest(*int)), None);
            }
            PastValue::Int(int) => {
                let value = AttributeValue::Property(Value::from(*int));
                self.push_wide(&bare(series, row, value));
            }
            PastValue::Float(float) => self.push_value(FLOAT, Some(*float), None),
            PastValue::Deleted => self.push_value(DELETED, None, None),
            PastValue::Wide(attribute) => match &attribute.value {
                AttributeValue::Property(Value::String(text)) if is_bare(attribute) => {
                    self.push_value(TEXT, None, Some(text));
                }
                _ => self.push_wide(attribute),
            },
            PastValue::Rolled(_) => {
                let what = format!("history of '{}' is rolled up already", series.entity);
                return Err(LakeError::Corrupt(what));
            }
        }
        Ok(())
    }

    fn push_value(&mut self, kind: i8, number: Option<f64>, text: Option<&str>) {
        self.kind.append_value(kind);
        self.number.append_option(number);
        self.text.append_option(text);
        self.detail.append_null();
    }

    fn push_wide(&mut self, attribute: &Attribute) {
        self.kind.append_value(WIDE);
        let number = match &attribute.value {
            AttributeValue::Property(Value::Number(number)) => number.as_f64(),
            _ => None,
        };
        self.number.append_option(number);
        let text = match number {
            Some(_) => None,
            None => text(&attribute.value),
        };
        self.text.append_option(text);
        self.room.clear();
        detail::encode(attribute, &mut self.room);
        self.detail.append_value(&self.room);
    }

    fn finish(mut self) -> Result<RecordBatch, LakeError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.entity.finish()),
            Arc::new(self.class.finish()),
            Arc::new(self.class_uri.finish()),
            Arc::new(self.attribute.finish()),
            Arc::new(self.attribute_uri.finish()),
            Arc::new(self.dataset.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.observed.finish()),
            Arc::new(self.modified_at.finish()),
            Arc::new(self.created_at.finish()),
            Arc::new(self.number.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.unit.finish()),
            Arc::new(self.value_type.finish()),
            Arc::new(self.detail.finish()),
            Arc::new(self.seq.finish()),
            Arc::new(self.place.finish()),
            Arc::new(self.arrived_seq.finish()),
            Arc::new(self.arrived_place.finish()),
        ];
        let batch = RecordBatch::try_new(schema(), columns);
        batch.map_err(|error| LakeError::Corrupt(format!("rows of history: {error}")))
    }
}

fn signed(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn place(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "it is no larger than 2^53")]
fn nearest(int: i64) -> f64 {
    int as f64
}

/// Whether the columns say all of it beside its value.
fn is_bare(attribute: &Attribute) -> bool {
    attribute.sub.is_empty() && attribute.expires_at.is_none() && attribute.object_type.is_empty()
}

/// The attribute of a row without sub-attributes.
fn bare(series: &PastSeries, row: &PastRow, value: AttributeValue) -> Attribute {
    let mut attribute = Attribute::new(series.name.clone(), value);
    attribute.dataset_id.clone_from(&series.dataset_id);
    attribute.observed_at = row.observed.then_some(row.moment);
    attribute.modified_at = row.modified_at;
    attribute.created_at = row.created_at;
    attribute.unit_code.clone_from(&row.unit_code);
    attribute.value_type.clone_from(&row.value_type);
    attribute
}

/// A value as text: a text as it is, a single URI too, all else as JSON.
fn text(value: &AttributeValue) -> Option<Cow<'_, str>> {
    let names = |names: &[Name]| names.iter().map(|name| Value::from(&**name)).collect();
    let json = match value {
        AttributeValue::Property(Value::String(text)) => return Some(Cow::Borrowed(text)),
        AttributeValue::Relationship(Uris::One(uri)) | AttributeValue::Vocab(Uris::One(uri)) => {
            return Some(Cow::Borrowed(uri));
        }
        AttributeValue::Relationship(Uris::Many(uris))
        | AttributeValue::Vocab(Uris::Many(uris))
        | AttributeValue::ListRelationship(uris) => Value::Array(names(uris)),
        AttributeValue::Property(value) | AttributeValue::Json(value) => {
            return Some(Cow::Owned(value.to_string()));
        }
        AttributeValue::Geo(geometry) => geometry.to_geojson(),
        AttributeValue::Language(map) => Value::Object(map.clone()),
        AttributeValue::List(values) => Value::Array(values.clone()),
        AttributeValue::Null => return None,
    };
    Some(Cow::Owned(json.to_string()))
}

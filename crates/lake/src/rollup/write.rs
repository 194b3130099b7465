//! Rows of roll-ups as columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, RecordBatch,
    StringBuilder, StructBuilder, TimestampMicrosecondBuilder,
};

use crate::LakeError;
use crate::rollup::cell::{Cell, Last, Slot};
use crate::rollup::merge::Series;
use crate::rollup::schema::{bucket, element};
use crate::rollup::{Sketch, schema};

/// Rows that are handed over at once.
const ROWS: usize = 4_096;
/// Buckets of sketches that are handed over at once.
const BUCKETS: usize = 1 << 18;

/// Rows that are being gathered.
#[derive(Debug)]
pub(super) struct Rows {
    pending: usize,
    buckets: usize,
    /// entity, type, type_uri, attribute, attribute_uri, dataset.
    series: [StringBuilder; 6],
    time: TimestampMicrosecondBuilder,
    observed: BooleanBuilder,
    unit: StringBuilder,
    count: Int64Builder,
    /// min, max, mean, sum, sum_of_squares, last.
    numbers: [Float64Builder; 6],
    last_at: TimestampMicrosecondBuilder,
    last_text: StringBuilder,
    sketch: ListBuilder<StructBuilder>,
}

impl Default for Rows {
    fn default() -> Self {
        let time = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let pairs = StructBuilder::new(
            bucket(),
            vec![Box::new(Int32Builder::new()), Box::new(Int64Builder::new())],
        );
        Self {
            pending: 0,
            buckets: 0,
            series: Default::default(),
            time: time(),
            observed: BooleanBuilder::new(),
            unit: StringBuilder::new(),
            count: Int64Builder::new(),
            numbers: Default::default(),
            last_at: time(),
            last_text: StringBuilder::new(),
            sketch: ListBuilder::new(pairs).with_field(element()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no period has 2^53 instances")]
fn mean(sum: f64, count: u64) -> f64 {
    sum / count as f64
}

impl Rows {
    /// Appends a row; gives rows that are to be written, when there are enough.
    pub(super) fn push(
        &mut self,
        series: &Series,
        slot: &Slot,
        cell: &Cell,
    ) -> Result<Option<RecordBatch>, LakeError> {
        let [entity, class, class_uri, attribute, attribute_uri, dataset] = &mut self.series;
        entity.append_value(&series.entity);
        class.append_value(&series.class);
        class_uri.append_value(&series.class_uri);
        attribute.append_value(&series.attribute);
        attribute_uri.append_value(&series.attribute_uri);
        dataset.append_option(series.dataset.as_deref());
        self.time.append_value(slot.time);
        self.observed.append_value(slot.observed);
        self.unit.append_option(slot.unit.as_deref());
        self.count
            .append_value(i64::try_from(cell.count).unwrap_or(i64::MAX));
        self.last_at.append_value(cell.last_at);
        let values = match &cell.last {
            Last::Numbers(n) => {
                let mean = mean(n.sum, cell.count);
                [n.min, n.max, mean, n.sum, n.sum_of_squares, n.last].map(Some)
            }
            Last::Text(_) => [None; 6],
        };
        for (builder, value) in self.numbers.iter_mut().zip(values) {
            builder.append_option(value);
        }
        match &cell.last {
            Last::Numbers(numbers) => {
                self.last_text.append_null();
                self.push_sketch(&numbers.sketch)?;
            }
            Last::Text(text) => {
                self.last_text.append_value(text);
                self.sketch.append_null();
            }
        }
        self.pending += 1;
        let is_enough = self.pending >= ROWS || self.buckets >= BUCKETS;
        is_enough.then(|| self.take()).transpose()
    }

    fn push_sketch(&mut self, sketch: &Sketch) -> Result<(), LakeError> {
        let pairs = self.sketch.values();
        let wrong = || LakeError::GivenUp("a sketch has two columns".to_owned());
        for (bucket, count) in sketch.buckets() {
            let buckets = pairs.field_builder::<Int32Builder>(0);
            buckets.ok_or_else(wrong)?.append_value(bucket);
            let counts = pairs.field_builder::<Int64Builder>(1);
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            counts.ok_or_else(wrong)?.append_value(count);
            pairs.append(true);
        }
        self.buckets += sketch.len();
        self.sketch.append(true);
        Ok(())
    }

    /// All rows that are there.
    pub(super) fn take(&mut self) -> Result<RecordBatch, LakeError> {
        (self.pending, self.buckets) = (0, 0);
        let mut columns: Vec<ArrayRef> = Vec::new();
        columns.extend(
            self.series
                .iter_mut()
                .map(|c| Arc::new(c.finish()) as ArrayRef),
        );
        columns.push(Arc::new(self.time.finish()));
        columns.push(Arc::new(self.observed.finish()));
        columns.push(Arc::new(self.unit.finish()));
        columns.push(Arc::new(self.count.finish()));
        columns.extend(
            self.numbers
                .iter_mut()
                .map(|c| Arc::new(c.finish()) as ArrayRef),
        );
        columns.push(Arc::new(self.last_at.finish()));
        columns.push(Arc::new(self.last_text.finish()));
        columns.push(Arc::new(self.sketch.finish()));
        RecordBatch::try_new(schema(), columns)
            .map_err(|error| LakeError::GivenUp(format!("rows of a roll-up: {error}")))
    }
}

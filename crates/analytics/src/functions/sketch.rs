//! Percentiles of what is rolled up: `quantile(sketch, 0.95)`, and of several sketches together
//! `quantile(merge_sketches(sketch), 0.95)`.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Float64Array, Int32Builder, Int64Builder, ListArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result as PlanResult, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF, Volatility, create_udaf};
use lake::rollup::Sketch;

use super::{Definition, Kind, numbers};

pub(super) const FUNCTIONS: &[Definition] = &[Definition {
    name: "quantile",
    takes: &[&[Kind::Sketch, Kind::Number]],
    returns: Kind::Number,
    body: quantile,
}];

/// The type of a sketch: that of the column of what is rolled up.
pub(super) fn data_type() -> DataType {
    let schema = lake::rollup::schema();
    let sketch = schema.column_with_name("sketch");
    sketch.map_or(DataType::Null, |(_, field)| field.data_type().clone())
}

fn lists(column: Option<&ArrayRef>) -> PlanResult<&ListArray> {
    if let Some(lists) = column.and_then(|column| column.as_list_opt::<i32>()) {
        Ok(lists)
    } else {
        exec_err!("a sketch is a list of buckets and counts")
    }
}

fn sketch(lists: &ListArray, at: usize) -> PlanResult<Option<Sketch>> {
    if lists.is_null(at) {
        return Ok(None);
    }
    let row = lists.value(at);
    if let Some(sketch) = row.as_struct_opt().and_then(Sketch::from_list) {
        Ok(Some(sketch))
    } else {
        exec_err!("a sketch is a list of buckets and counts")
    }
}

fn quantile(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let lists = lists(columns.first())?;
    let shares = numbers(columns, 1)?.enumerate();
    let quantiles = shares.map(|(at, share)| {
        let Some(share) = share else { return Ok(None) };
        if !(0.0..=1.0).contains(&share) {
            return exec_err!("quantile: {share} is no share: it goes from 0 to 1");
        }
        let sketch = sketch(lists, at)?;
        Ok(sketch.and_then(|sketch| sketch.quantile(share)))
    });
    Ok(Arc::new(quantiles.collect::<PlanResult<Float64Array>>()?))
}

/// The aggregate that merges sketches.
pub(super) fn merge() -> AggregateUDF {
    let make = Arc::new(
        |_: datafusion::logical_expr::function::AccumulatorArgs<'_>| {
            Ok(Box::new(Merged::default()) as Box<dyn Accumulator>)
        },
    );
    create_udaf(
        "merge_sketches",
        vec![data_type()],
        Arc::new(data_type()),
        Volatility::Immutable,
        make,
        Arc::new(vec![data_type()]),
    )
}

#[derive(Debug, Default)]
struct Merged(Option<Sketch>);

impl Merged {
    fn list(&self) -> PlanResult<ScalarValue> {
        let Some(sketch) = &self.0 else {
            return ScalarValue::try_from(&data_type());
        };
        let DataType::List(item) = data_type() else {
            return exec_err!("a sketch is a list");
        };
        let DataType::Struct(fields) = item.data_type() else {
            return exec_err!("a sketch is a list of buckets and counts");
        };
        let (mut buckets, mut counts) = (Int32Builder::new(), Int64Builder::new());
        for (bucket, count) in sketch.buckets() {
            buckets.append_value(bucket);
            counts.append_value(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(buckets.finish()), Arc::new(counts.finish())];
        let rows = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths([rows.len()]);
        let list = ListArray::try_new(item, offsets, Arc::new(rows), None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }
}

impl Accumulator for Merged {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        let lists = lists(values.first())?;
        for at in 0..lists.len() {
            if let Some(sketch) = sketch(lists, at)? {
                self.0.get_or_insert_default().merge(&sketch);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        self.list()
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        Ok(vec![self.list()?])
    }

    fn size(&self) -> usize {
        let buckets = self.0.as_ref().map_or(0, |sketch| sketch.buckets().count());
        size_of::<Self>() + buckets * 48
    }
}

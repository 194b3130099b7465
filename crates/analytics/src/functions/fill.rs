//! Gaps: `locf(x)` carries the last value forward, `interpolate(x, time)` draws a line between those
//! known, both over the order of their window.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Float64Array, TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, FieldRef, Float64Type, TimestampMicrosecondType};
use datafusion::common::{Result as PlanResult, exec_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDFImpl};

use super::{Kind, coerce, field};

/// A function that fills gaps.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Fill {
    name: &'static str,
    how: How,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum How {
    Carried,
    Drawn,
}

impl Fill {
    /// The last value that is known.
    pub(super) fn locf() -> Self {
        Self {
            name: "locf",
            how: How::Carried,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }

    /// A line between the values that are known; by time, or row by row without one.
    pub(super) fn interpolate() -> Self {
        Self {
            name: "interpolate",
            how: How::Drawn,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl WindowUDFImpl for Fill {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _arguments: PartitionEvaluatorArgs<'_>,
    ) -> PlanResult<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(self.how))
    }

    fn field(&self, arguments: WindowUDFFieldArgs<'_>) -> PlanResult<FieldRef> {
        let given = arguments.get_input_field(0);
        let data_type = match (self.how, given) {
            (How::Carried, Some(given)) => given.data_type().clone(),
            _ => DataType::Float64,
        };
        Ok(field(arguments.name(), data_type))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        let takes: &[&[Kind]] = &[&[Kind::Number], &[Kind::Number, Kind::Moment]];
        match self.how {
            How::Drawn => coerce(self.name, takes, arguments),
            How::Carried => plan_err!("locf is called as locf(value)"),
        }
    }
}

impl PartitionEvaluator for How {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> PlanResult<ArrayRef> {
        let Some(column) = values.first() else {
            return exec_err!("there is no value to fill");
        };
        match self {
            Self::Carried => carried(column),
            Self::Drawn => drawn(column, values.get(1)),
        }
    }
}

fn carried(column: &ArrayRef) -> PlanResult<ArrayRef> {
    let mut last = None;
    let from = (0_u64..).zip(0..column.len()).map(|(row, at)| {
        if column.is_valid(at) {
            last = Some(row);
        }
        last
    });
    Ok(take(column, &from.collect::<UInt64Array>(), None)?)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a place between two moments, not a moment"
)]
fn drawn(column: &ArrayRef, times: Option<&ArrayRef>) -> PlanResult<ArrayRef> {
    let Some(numbers) = column.as_primitive_opt::<Float64Type>() else {
        return exec_err!("interpolate fills numbers");
    };
    let times: Option<&TimestampMicrosecondArray> =
        times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let place = |row: usize| match times {
        Some(times) => times.is_valid(row).then(|| times.value(row) as f64),
        None => Some(row as f64),
    };
    let mut filled: Vec<Option<f64>> = numbers.iter().collect();
    let known = (0..filled.len()).filter(|row| numbers.is_valid(*row));
    let mut before: Option<usize> = None;
    for row in known {
        if let Some(start) = before
            && let (Some(from), Some(to)) = (place(start), place(row))
        {
            let (low, high) = (numbers.value(start), numbers.value(row));
            for gap in start + 1..row {
                if let Some(at) = place(gap).filter(|_| to > from)
                    && let Some(hole) = filled.get_mut(gap)
                {
                    *hole = Some(low + (high - low) * (at - from) / (to - from));
                }
            }
        }
        before = Some(row);
    }
    Ok(Arc::new(Float64Array::from(filled)))
}

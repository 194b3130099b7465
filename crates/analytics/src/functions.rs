//! What SQL lacks for a city: places, cells, buckets of time, gaps, sketches, attributes in JSON.

mod attribute;
mod buckets;
mod fill;
mod geo;
mod h3;
mod sketch;
mod time;
mod wkt;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, StringViewArray};
use arrow::datatypes::{DataType, Field, Float64Type, IntervalUnit, TimeUnit};
use datafusion::common::{Result as PlanResult, ScalarValue, plan_err};
use datafusion::execution::{FunctionRegistry as _, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, WindowUDF,
};

use crate::SqlError;

/// Adds the functions to a session.
pub(crate) fn register(mut state: SessionState) -> Result<SessionState, SqlError> {
    let all = [
        geo::FUNCTIONS,
        h3::FUNCTIONS,
        time::FUNCTIONS,
        attribute::FUNCTIONS,
        sketch::FUNCTIONS,
    ];
    for function in all.into_iter().flatten() {
        state.register_udf(Arc::new(ScalarUDF::from(Function::new(function))))?;
    }
    state.register_udwf(Arc::new(WindowUDF::from(fill::Fill::locf())))?;
    state.register_udwf(Arc::new(WindowUDF::from(fill::Fill::interpolate())))?;
    state.register_udaf(Arc::new(sketch::merge()))?;
    state.register_udtf("buckets", Arc::new(buckets::Buckets));
    Ok(state)
}

/// What a function takes or returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Whole,
    Text,
    Truth,
    Moment,
    Interval,
    Sketch,
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Number => DataType::Float64,
            Self::Whole => DataType::Int64,
            Self::Text => DataType::Utf8View,
            Self::Truth => DataType::Boolean,
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Sketch => sketch::data_type(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Whole => "whole number",
            Self::Text => "text",
            Self::Truth => "boolean",
            Self::Moment => "timestamp",
            Self::Interval => "interval",
            Self::Sketch => "sketch",
        }
    }
}

/// A function of columns.
struct Definition {
    name: &'static str,
    /// The lists of arguments that it takes, each of another length.
    takes: &'static [&'static [Kind]],
    returns: Kind,
    /// Given columns of one length, none of another kind than it takes.
    body: fn(&[ArrayRef]) -> PlanResult<ArrayRef>,
}

struct Function {
    definition: &'static Definition,
    signature: Signature,
}

impl Function {
    fn new(definition: &'static Definition) -> Self {
        Self {
            definition,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.definition.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Ok(self.definition.returns.data_type())
    }

    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        coerce(self.definition.name, self.definition.takes, arguments)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let is_constant = args
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let column = (self.definition.body)(&columns)?;
        Ok(if is_constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?)
        } else {
            ColumnarValue::Array(column)
        })
    }
}

/// The types that arguments are cast to.
fn coerce(name: &str, takes: &[&[Kind]], arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
    let fits = |kind: &Kind, given: &DataType| {
        let wanted = kind.data_type();
        let castable = arrow::compute::can_cast_types(given, &wanted);
        // A number is no text and a text is no number: what is cast is no mistake.
        let alike = match kind {
            Kind::Number | Kind::Whole => given.is_numeric() || given.is_null(),
            Kind::Truth => matches!(given, DataType::Boolean | DataType::Null),
            Kind::Text => given.is_string() || given.is_null() || is_text_dictionary(given),
            Kind::Moment | Kind::Interval => !given.is_numeric(),
            Kind::Sketch => true,
        };
        castable && alike
    };
    for form in takes {
        if form.len() == arguments.len()
            && form
                .iter()
                .zip(arguments)
                .all(|(kind, given)| fits(kind, given))
        {
            return Ok(form.iter().map(|kind| kind.data_type()).collect());
        }
    }
    let forms = takes.iter().map(|form| {
        let words: Vec<_> = form.iter().map(|kind| kind.word()).collect();
        format!("{name}({})", words.join(", "))
    });
    let forms: Vec<_> = forms.collect();
    plan_err!("{name} is called as {}", forms.join(" or "))
}

fn is_text_dictionary(given: &DataType) -> bool {
    matches!(given, DataType::Dictionary(_, value) if value.is_string())
}

/// The field that a function of windows or groups returns.
fn field(name: &str, data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new(name, data_type, true))
}

/// The texts of a column.
fn texts(columns: &[ArrayRef], at: usize) -> PlanResult<&StringViewArray> {
    if let Some(texts) = columns
        .get(at)
        .and_then(|column| column.as_string_view_opt())
    {
        Ok(texts)
    } else {
        plan_err!("argument {} is no text", at + 1)
    }
}

/// The numbers of a column.
fn numbers(columns: &[ArrayRef], at: usize) -> PlanResult<impl Iterator<Item = Option<f64>> + '_> {
    if let Some(numbers) = columns
        .get(at)
        .and_then(|column| column.as_primitive_opt::<Float64Type>())
    {
        Ok(numbers.iter())
    } else {
        plan_err!("argument {} is no number", at + 1)
    }
}

/// The whole numbers of a column.
fn wholes(columns: &[ArrayRef], at: usize) -> PlanResult<impl Iterator<Item = Option<i64>> + '_> {
    let column = columns.get(at);
    if let Some(numbers) =
        column.and_then(|column| column.as_primitive_opt::<arrow::datatypes::Int64Type>())
    {
        Ok(numbers.iter())
    } else {
        plan_err!("argument {} is no whole number", at + 1)
    }
}

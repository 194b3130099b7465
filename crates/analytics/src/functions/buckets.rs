//! `buckets(from, to, interval [, zone])`: a table of the beginnings of all buckets of time from the
//! one in which `from` lies to before `to`, so that what is missing shows. Limit: its arguments are
//! values, not parameters.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, IntervalMonthDayNanoType, Schema, TimestampMicrosecondType,
};

use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DFSchema, Result as PlanResult, plan_err};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, ExprSchemable as _};

use super::Kind;
use super::time::{Width, zone};

/// Buckets of one table: eleven years of minutes would be more.
const BUCKETS_MAX: usize = 5_000_000;

#[derive(Debug)]
pub(super) struct Buckets;

impl TableFunctionImpl for Buckets {
    fn call_with_args(
        &self,
        args: TableFunctionArgs<'_, '_>,
    ) -> PlanResult<Arc<dyn TableProvider>> {
        let (from, to, interval, name) = match args.exprs() {
            [from, to, interval] => (from, to, interval, None),
            [from, to, interval, zone] => (from, to, interval, Some(zone)),
            _ => return plan_err!("buckets is called as buckets(from, to, interval [, zone])"),
        };
        let session = args.session();
        let (from, to) = (
            value(session, from, Kind::Moment)?,
            value(session, to, Kind::Moment)?,
        );
        let interval = value(session, interval, Kind::Interval)?;
        let zone = match name {
            None => None,
            Some(name) => Some(zone(
                value(session, name, Kind::Text)?.as_string_view().value(0),
            )?),
        };
        let from = from.as_primitive::<TimestampMicrosecondType>().value(0);
        let to = to.as_primitive::<TimestampMicrosecondType>().value(0);
        let width = Width::of(interval.as_primitive::<IntervalMonthDayNanoType>().value(0))?;
        let mut begins = Vec::new();
        let mut next = width.begin(from, zone.as_ref());
        while let Some(begin) = next.filter(|begin| *begin < to) {
            if begins.len() >= BUCKETS_MAX {
                return plan_err!("there would be more than {BUCKETS_MAX} buckets");
            }
            begins.push(begin);
            next = width
                .next(begin, zone.as_ref())
                .filter(|next| *next > begin);
        }
        let schema = Schema::new(vec![Field::new("bucket", Kind::Moment.data_type(), false)]);
        let schema = Arc::new(schema);
        let begins = TimestampMicrosecondArray::from(begins).with_timezone("UTC");
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(begins)])?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
    }
}

/// The value of an argument that needs no row.
fn value(session: &dyn Session, argument: &Expr, kind: Kind) -> PlanResult<ArrayRef> {
    let nothing = DFSchema::empty();
    let one_row = Schema::new(vec![Field::new("row", DataType::Boolean, true)]);
    let one_row = RecordBatch::try_new(
        Arc::new(one_row),
        vec![Arc::new(arrow::array::BooleanArray::from(vec![true]))],
    )?;
    if argument.get_type(&nothing).is_err() || argument.any_column_refs() {
        return plan_err!("the arguments of buckets are values, not columns or parameters");
    }
    let argument = session.create_physical_expr(argument.clone(), &nothing)?;
    let column = argument.evaluate(&one_row)?.into_array(1)?;
    let column = cast(&column, &kind.data_type())?;
    if column.is_null(0) {
        return plan_err!("an argument of buckets is null");
    }
    Ok(column)
}

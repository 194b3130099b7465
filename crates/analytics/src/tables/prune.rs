//! Which files a query cannot need: by what the manifest says of them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{ArrayRef, BooleanArray, Date32Array, StringViewArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, Result as PlanResult, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

use super::files::{File, Role};

/// The files in which a row may fulfil the predicate.
pub(crate) fn needed(
    files: &[File],
    roles: &[(String, Role)],
    schema: SchemaRef,
    predicate: Arc<dyn PhysicalExpr>,
) -> PlanResult<Vec<File>> {
    let predicate = PruningPredicateBuilder::new()
        .with_file_schema(schema)
        .try_build(predicate)?;
    if predicate.always_true() {
        return Ok(files.to_vec());
    }
    let known = Known { files, roles };
    let kept = predicate.prune(&known)?;
    let kept = files.iter().zip(kept).filter(|(_, kept)| *kept);
    Ok(kept.map(|(file, _)| file.clone()).collect())
}

/// What the manifest says of files.
struct Known<'a> {
    files: &'a [File],
    roles: &'a [(String, Role)],
}

impl Known<'_> {
    fn bound(&self, column: &Column, is_max: bool) -> Option<ArrayRef> {
        let (_, role) = self.roles.iter().find(|(name, _)| *name == column.name)?;
        let files = self.files.iter();
        Some(match role {
            Role::Text(_) => {
                let texts = files.map(|file| file.text(*role, is_max));
                Arc::new(texts.collect::<StringViewArray>())
            }
            Role::Moment => {
                let moments = files.map(|file| Some(file.moment(is_max)));
                let moments = moments.collect::<TimestampMicrosecondArray>();
                Arc::new(moments.with_timezone("UTC"))
            }
            Role::Day => {
                let days = files.map(|file| Some(file.entry.partition.day));
                Arc::new(days.collect::<Date32Array>())
            }
        })
    }
}

impl PruningStatistics for Known<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, false)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, true)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let known = self.roles.iter().any(|(name, _)| *name == column.name);
        known.then(|| Arc::new(UInt64Array::from(vec![0; self.files.len()])) as ArrayRef)
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.files.iter().map(|file| file.entry.rows);
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

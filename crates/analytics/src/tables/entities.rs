//! Entities as a table: all of them, or those of a type with a column an attribute.
//!
//! Rows are read page by page while they are asked for. Limit: each page is of one moment, the
//! whole is not: an entity that is written while a query reads may be read before or after.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use base::{Name, Tenant, Time};
use broker::BrokerError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as PlanResult, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures_util::stream;
use lake::history::schema::short;
use ngsi::Entity;
use ngsi::Query;
use ngsi::query::TypeExpr;
use ports::Store;

use super::row::Cell;
use super::shape::Shapes;
use crate::SqlError;

/// Entities read at once.
const PAGE: usize = 1_000;
/// Ids that a store is asked for by name; of more all entities are looked through.
const IDS_MAX: usize = 10_000;

/// A table of entities.
pub(crate) struct Entities {
    store: Arc<dyn Store>,
    tenant: Tenant,
    /// What every row of the table is.
    query: Query,
    /// The types that a short name may mean.
    types: Vec<Name>,
    cells: Vec<Cell>,
    schema: SchemaRef,
}

impl fmt::Debug for Entities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entities")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl Entities {
    /// All entities; `types` are the types that there are.
    pub(crate) fn all(store: Arc<dyn Store>, tenant: Tenant, now: Time, types: Vec<Name>) -> Self {
        let cells = vec![
            Cell::Id,
            Cell::Type,
            Cell::TypeUri,
            Cell::Types,
            Cell::Scope,
            Cell::CreatedAt,
            Cell::ModifiedAt,
            Cell::ObservedAt,
            Cell::Longitude,
            Cell::Latitude,
            Cell::Location,
            Cell::Attributes,
        ];
        let query = Query {
            now,
            ..Query::default()
        };
        Self::new(store, tenant, query, types, cells)
    }

    /// The entities of a type. All of them are looked at, to know what columns they make.
    pub(crate) async fn of_type(
        store: Arc<dyn Store>,
        tenant: Tenant,
        now: Time,
        class: Name,
    ) -> Result<Self, SqlError> {
        let query = Query {
            types: Some(TypeExpr::any([class])),
            now,
            ..Query::default()
        };
        let mut shapes = Shapes::default();
        let mut pages = Pages::new(Arc::clone(&store), tenant.clone(), query.clone());
        while let Some(page) = pages.next().await? {
            for entity in &page {
                shapes.see(entity, now);
            }
        }
        let mut cells = vec![
            Cell::Id,
            Cell::CreatedAt,
            Cell::ModifiedAt,
            Cell::ObservedAt,
            Cell::Longitude,
            Cell::Latitude,
        ];
        let reserved: Vec<_> = cells.iter().map(Cell::field).collect();
        let reserved: Vec<_> = reserved.iter().map(|field| field.name().as_str()).collect();
        cells.extend(shapes.columns(&reserved).into_iter().map(Cell::Attribute));
        Ok(Self::new(store, tenant, query, Vec::new(), cells))
    }

    fn new(
        store: Arc<dyn Store>,
        tenant: Tenant,
        query: Query,
        types: Vec<Name>,
        cells: Vec<Cell>,
    ) -> Self {
        let fields: Vec<_> = cells.iter().map(Cell::field).collect();
        Self {
            store,
            tenant,
            query,
            types,
            cells,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// The sentences about the columns, in their order.
    pub(crate) fn descriptions(&self) -> Vec<&'static str> {
        self.cells.iter().map(Cell::description).collect()
    }

    /// Narrows the query to what the filter asks for, as far as the store has an index for it.
    /// Rows are filtered again behind it, so it may only be weaker.
    fn narrow(&self, query: &mut Query, filter: &Expr) {
        let Some((column, values)) = one_of(filter) else {
            return;
        };
        match column {
            "id" if query.ids.is_empty() && values.len() <= IDS_MAX => {
                query.ids = values
                    .iter()
                    .map(|value| Name::from(value.as_str()))
                    .collect();
            }
            "type" | "type_uri" if query.types.is_none() && !self.types.is_empty() => {
                let meant = self.types.iter().filter(|name| {
                    let name = if column == "type" { short(name) } else { name };
                    values.iter().any(|value| value == name)
                });
                let meant: Vec<_> = meant.cloned().collect();
                if meant.is_empty() {
                    // No entity is of such a type, nor has it an empty id.
                    query.ids = vec![Name::from("")];
                } else {
                    query.types = Some(TypeExpr::any(meant));
                }
            }
            _ => {}
        }
    }
}

/// `column = 'a'` and `column IN ('a', 'b')`, also as `column = 'a' OR column = 'b'`.
fn one_of(filter: &Expr) -> Option<(&str, Vec<String>)> {
    match filter {
        Expr::BinaryExpr(binary) if binary.op == Operator::Eq => {
            let ((Expr::Column(column), Expr::Literal(value, _))
            | (Expr::Literal(value, _), Expr::Column(column))) = (&*binary.left, &*binary.right)
            else {
                return None;
            };
            Some((column.name(), vec![text(value)?]))
        }
        Expr::BinaryExpr(binary) if binary.op == Operator::Or => {
            let (left, mut values) = one_of(&binary.left)?;
            let (right, more) = one_of(&binary.right)?;
            values.extend(more);
            (left == right).then_some((left, values))
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = &*list.expr else {
                return None;
            };
            let values = list.list.iter().map(|item| match item {
                Expr::Literal(value, _) => text(value),
                _ => None,
            });
            Some((column.name(), values.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

#[async_trait]
impl TableProvider for Entities {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        let of = |filter: &&Expr| match one_of(filter) {
            Some(("id" | "type" | "type_uri", _)) => TableProviderFilterPushDown::Inexact,
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let mut query = self.query.clone();
        for filter in filters {
            self.narrow(&mut query, filter);
        }
        let (cells, schema) = match projection {
            None => (self.cells.clone(), Arc::clone(&self.schema)),
            Some(indices) => {
                let cells = indices.iter().filter_map(|at| self.cells.get(*at).cloned());
                (cells.collect(), Arc::new(self.schema.project(indices)?))
            }
        };
        let scan = Scan {
            store: Arc::clone(&self.store),
            tenant: self.tenant.clone(),
            query,
            cells,
            schema: Arc::clone(&schema),
        };
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit);
        Ok(Arc::new(plan?))
    }
}

/// A read of entities, as columns.
struct Scan {
    store: Arc<dyn Store>,
    tenant: Tenant,
    query: Query,
    cells: Vec<Cell>,
    schema: SchemaRef,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entities")
    }
}

impl Scan {
    fn batch(&self, page: &[Arc<Entity>]) -> PlanResult<RecordBatch> {
        let columns = self
            .cells
            .iter()
            .map(|cell| cell.array(page, self.query.now));
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, SqlError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(page.len()));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = Self {
            store: Arc::clone(&self.store),
            tenant: self.tenant.clone(),
            query: self.query.clone(),
            cells: self.cells.clone(),
            schema: Arc::clone(&self.schema),
        };
        let pages = Pages::new(
            Arc::clone(&self.store),
            self.tenant.clone(),
            self.query.clone(),
        );
        let rows = stream::try_unfold((scan, pages), async |(scan, mut pages)| {
            let Some(page) = pages.next().await? else {
                return Ok::<_, DataFusionError>(None);
            };
            let batch = scan.batch(&page)?;
            Ok(Some((batch, (scan, pages))))
        });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            rows,
        ))
    }
}

/// Entities that match, page by page.
struct Pages {
    store: Arc<dyn Store>,
    tenant: Tenant,
    query: Query,
    after: Option<Name>,
    ended: bool,
}

impl Pages {
    fn new(store: Arc<dyn Store>, tenant: Tenant, query: Query) -> Self {
        Self {
            store,
            tenant,
            query,
            after: None,
            ended: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<Arc<Entity>>>, SqlError> {
        if self.ended {
            return Ok(None);
        }
        let after = self.after.as_deref();
        let found = self
            .store
            .find(&self.tenant, &self.query, after, PAGE)
            .await;
        let found = found.map_err(BrokerError::from)?;
        self.ended = found.len() < PAGE;
        self.after = found.last().map(|last| last.entity.id.clone());
        let page = found.into_iter().map(|versioned| versioned.entity);
        Ok((!self.ended || self.after.is_some()).then(|| page.collect()))
    }
}

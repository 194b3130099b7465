//! How a query runs: planned and read on the threads of queries, within its limits.

mod run;

use std::sync::Arc;

use datafusion::common::ParamValues;
use datafusion::datasource::TableProvider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use tokio::sync::Semaphore;
use trust::Call;

use crate::names::{self, Meant};
use crate::query::{Answer, ColumnInfo, Options, Prepared, TableInfo};
use crate::tables::entities::Entities;
use crate::tables::files::Files;
use crate::tables::{Directory, Listed, Moment, Source};
use crate::threads::Threads;
use crate::{Parts, SqlError, session, statement};

/// How old what history has may be when a query begins, in microseconds.
const LAG_MAX: i64 = 5_000_000;

/// What every query of a node shares.
#[derive(Debug)]
struct Shared {
    parts: Parts,
    prototype: SessionState,
    /// The queries that may still begin.
    places: Arc<Semaphore>,
}

/// Runs queries.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    threads: Threads,
}

/// A query with its names resolved, and what it reads.
struct Planned {
    state: SessionState,
    plan: LogicalPlan,
    moment: Moment,
}

impl Engine {
    pub(crate) fn start(parts: Parts) -> Result<Self, SqlError> {
        let files = Arc::clone(parts.lake.objects().store());
        let prototype = session::prototype(&parts.settings, files)?;
        let threads = Threads::start(parts.settings.threads)?;
        let places = Arc::new(Semaphore::new(parts.settings.queries_max));
        let shared = Arc::new(Shared {
            parts,
            prototype,
            places,
        });
        Ok(Self { shared, threads })
    }

    /// Plans a query and begins to read its answer.
    pub(crate) async fn begin(
        &self,
        call: &Call,
        sql: &str,
        options: Options,
    ) -> Result<Answer, SqlError> {
        let shared = &self.shared;
        let place = Arc::clone(&shared.places)
            .try_acquire_owned()
            .map_err(|_full| SqlError::Busy(shared.parts.settings.queries_max))?;
        let limit = shared.parts.settings.micros_max;
        let micros = options.micros_max.map_or(limit, |wanted| wanted.min(limit));
        let deadline = shared.parts.clock.now().plus_micros(micros.max(0));
        let query = run::Query {
            shared: Arc::clone(shared),
            call: call.clone(),
            sql: sql.to_owned(),
            parameters: options.parameters,
            deadline: deadline.min(call.deadline),
        };
        run::begin(&self.threads, query, place).await
    }

    /// Plans a query.
    pub(crate) async fn prepare(
        &self,
        call: &Call,
        sql: &str,
        parameters: Option<ParamValues>,
    ) -> Result<Prepared, SqlError> {
        let (shared, call, sql) = (Arc::clone(&self.shared), call.clone(), sql.to_owned());
        let task = async move { shared.prepare(&call, &sql, parameters).await };
        self.threads.run(Box::pin(task)).await
    }

    /// The tables of a call.
    pub(crate) async fn tables(&self, call: &Call) -> Result<Vec<TableInfo>, SqlError> {
        let (shared, call) = (Arc::clone(&self.shared), call.clone());
        let task = async move { shared.tables(&call).await };
        self.threads.run(Box::pin(task)).await
    }
}

impl Shared {
    async fn prepare(
        &self,
        call: &Call,
        sql: &str,
        parameters: Option<ParamValues>,
    ) -> Result<Prepared, SqlError> {
        let planned = self.plan(call, sql, parameters).await?;
        let types = planned.plan.get_parameter_fields()?;
        let mut parameters: Vec<_> = types
            .into_iter()
            .map(|(name, field)| (name, field.map(|field| field.data_type().clone())))
            .collect();
        // `$2` stands before `$10`.
        parameters.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        let plan = planned.state.optimize(&planned.plan);
        // Without its values a plan may not come through every rule; its columns are known before.
        let schema = plan
            .as_ref()
            .map_or(planned.plan.schema(), LogicalPlan::schema);
        Ok(Prepared {
            schema: Arc::new(schema.as_arrow().clone()),
            parameters,
        })
    }

    async fn tables(&self, call: &Call) -> Result<Vec<TableInfo>, SqlError> {
        let mut directory = Directory::of(&self.parts, call).await?;
        let moment = self.moment(false).await?;
        let mut tables = Vec::new();
        for listed in directory.all().await? {
            let table = directory.open(&listed, &moment).await?;
            let mut info = info(&listed, &*table);
            if let Source::Type(class) = &listed.source {
                info.rows = directory.entities(class).await?;
            }
            tables.push(info);
        }
        Ok(tables)
    }
}

/// A table, described.
fn info(listed: &Listed, table: &dyn TableProvider) -> TableInfo {
    let descriptions = match table.downcast_ref::<Entities>() {
        Some(entities) => entities.descriptions(),
        None => Vec::new(),
    };
    let schema = table.schema();
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(at, field)| ColumnInfo {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
            description: descriptions.get(at).copied().unwrap_or_default().to_owned(),
        });
    TableInfo {
        schema: listed.schema.to_owned(),
        name: listed.name.clone(),
        description: match &listed.source {
            Source::Entities => "All entities, as they are now".to_owned(),
            Source::Type(class) => format!("Entities of the type {class}, as they are now"),
            Source::History => "Instances of attributes over time".to_owned(),
            Source::Rolled => "What is left of history after its retention".to_owned(),
            Source::Records(_) => "Records".to_owned(),
        },
        rows: table.downcast_ref::<Files>().map(Files::rows),
        columns: columns.collect(),
    }
}

impl Shared {
    /// The files of now; what arrived some seconds ago is in them if history is asked.
    async fn moment(&self, asks_history: bool) -> Result<Moment, SqlError> {
        let mut until = None;
        if asks_history {
            until = Some(self.parts.clock.now().plus_micros(-LAG_MAX));
            self.parts.lake.catch_up(LAG_MAX).await?;
        }
        Ok(Moment {
            manifest: self.parts.lake.manifest(),
            until,
        })
    }

    /// Resolves the names of a query and plans it.
    async fn plan(
        &self,
        call: &Call,
        sql: &str,
        parameters: Option<ParamValues>,
    ) -> Result<Planned, SqlError> {
        let mut statement = statement::read(sql)?;
        let said = names::said(&mut statement);
        let mut directory = Directory::of(&self.parts, call).await?;
        let mut lists_tables = statement::lists_tables(&statement);
        let (mut listed, mut meant) = (Vec::new(), Vec::new());
        for relation in &said.relations {
            let shared = relation.first().is_some_and(|first| {
                let mut names = said.shared.iter();
                relation.len() == 1 && names.any(|name| name.eq_ignore_ascii_case(&first.value))
            });
            if let Some(about) = session::about_tables(relation)? {
                lists_tables = true;
                meant.push((relation.clone(), about));
                continue;
            }
            match directory.find(relation).await {
                Ok(found) => listed.push((relation.clone(), found)),
                // A name of `WITH` need not be a table too.
                Err(_) if shared => {}
                Err(error) => return Err(error),
            }
        }
        let is_history = |source: &Source| matches!(source, Source::History | Source::Rolled);
        let asks_history = listed.iter().any(|(_, table)| is_history(&table.source));
        let moment = self.moment(asks_history).await?;
        let mut tables: Vec<(Listed, Arc<dyn TableProvider>)> = Vec::new();
        for (relation, found) in listed {
            let opened = tables.iter().find(|(listed, _)| *listed == found);
            let table = match opened {
                Some((_, table)) => Arc::clone(table),
                None => directory.open(&found, &moment).await?,
            };
            let columns = table.schema();
            meant.push((
                relation,
                Meant {
                    schema: found.schema.to_owned(),
                    name: found.name.clone(),
                    columns: columns.fields().iter().map(|f| f.name().clone()).collect(),
                },
            ));
            tables.push((found, table));
        }
        if lists_tables {
            for found in directory.all().await? {
                let table = directory.open(&found, &moment).await?;
                tables.push((found, table));
            }
        }
        names::spell(&mut statement, said, meant)?;
        tables.sort_by(|(a, _), (b, _)| (a.schema, &a.name).cmp(&(b.schema, &b.name)));
        tables.dedup_by(|(a, _), (b, _)| a == b);
        let tables = tables
            .into_iter()
            .map(|(listed, table)| (listed.schema, listed.name, table));
        let state = session::seeing(&self.prototype, tables.collect())?;
        let plan = state.statement_to_plan(statement).await?;
        statement::only_reads(&plan)?;
        let plan = match parameters {
            Some(values) => plan.with_param_values(values)?,
            None => plan,
        };
        Ok(Planned {
            state,
            plan,
            moment,
        })
    }
}

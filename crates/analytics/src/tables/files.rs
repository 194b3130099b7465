//! Tables of files of the lake: history, what is rolled up, records.
//!
//! A table has exactly the files of one manifest. What cannot be needed is not opened: files by
//! what the manifest says of them, row groups and pages by their statistics.

use std::fmt;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DFSchema, Result as PlanResult, ScalarValue, Statistics,
};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use lake::history::schema::short;
use lake::records::RecordTable;
use lake::{Entry, Manifest, Table};

use super::prune;
use crate::session::files_url;

/// What the manifest says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A text.
    Text(Said),
    /// The moment by which rows are ordered.
    Moment,
    /// The day of the moment, in UTC.
    Day,
}

/// A text that the manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The entity: the first and the last of a file.
    Entity,
    /// The first type, short.
    Type,
    /// The first type, whole.
    TypeUri,
    /// The length of the periods, as in ISO 8601.
    Period,
}

/// A file of a table.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// What the manifest says of it. It stays as long as this is held.
    pub(crate) entry: Arc<Entry>,
}

impl File {
    /// The first or last text of a column.
    pub(crate) fn text(&self, role: Role, is_max: bool) -> Option<String> {
        let Role::Text(said) = role else { return None };
        let entry = &self.entry;
        let class = &entry.partition.class;
        let text = match said {
            Said::Entity if is_max => entry.entities.1.clone(),
            Said::Entity => entry.entities.0.clone(),
            Said::Type => short(class).to_owned(),
            Said::TypeUri => class.clone(),
            Said::Period => match entry.partition.table {
                Table::Rolled(micros) => period(micros),
                _ => String::new(),
            },
        };
        (!text.is_empty()).then_some(text)
    }

    /// The first or last moment.
    pub(crate) fn moment(&self, is_max: bool) -> i64 {
        let (first, last) = self.entry.moments;
        if is_max { last } else { first }
    }

    fn bound(&self, role: Role, is_max: bool) -> ScalarValue {
        match role {
            Role::Text(_) => ScalarValue::Utf8View(self.text(role, is_max)),
            Role::Moment => {
                ScalarValue::TimestampMicrosecond(Some(self.moment(is_max)), Some("UTC".into()))
            }
            Role::Day => ScalarValue::Date32(Some(self.entry.partition.day)),
        }
    }
}

/// A length of time as in ISO 8601: `PT1H`.
pub(crate) fn period(micros: i64) -> String {
    const SECOND: i64 = 1_000_000;
    let units = [(86_400, "P", "D"), (3_600, "PT", "H"), (60, "PT", "M")];
    for (seconds, before, unit) in units {
        let length = seconds * SECOND;
        if micros >= length && micros % length == 0 {
            return format!("{before}{}{unit}", micros / length);
        }
    }
    format!("PT{}S", micros / SECOND)
}

/// A table of files.
pub(crate) struct Files {
    /// Columns of the files, then those that are the same for a whole file.
    columns: TableSchema,
    list: Vec<File>,
    roles: Vec<(String, Role)>,
    /// By what the rows of each file are ordered.
    order: Vec<&'static str>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("files", &self.list.len())
            .finish_non_exhaustive()
    }
}

/// Texts are read as views: nothing is copied of what stands in a dictionary.
fn viewed(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        DataType::Binary => field.as_ref().clone().with_data_type(DataType::BinaryView),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn day() -> FieldRef {
    Arc::new(Field::new("day", DataType::Date32, false))
}

fn files<'m>(entries: impl Iterator<Item = &'m Arc<Entry>>) -> Vec<File> {
    let file = |entry: &Arc<Entry>| File {
        entry: Arc::clone(entry),
    };
    entries.map(file).collect()
}

fn roles(pairs: &[(&str, Role)]) -> Vec<(String, Role)> {
    let roles = pairs.iter().map(|(name, role)| ((*name).to_owned(), *role));
    roles.collect()
}

/// Instances of attributes.
pub(crate) fn history(manifest: &Manifest, tenant: &str) -> Files {
    Files {
        columns: TableSchema::builder(viewed(&lake::history::schema::schema()))
            .with_table_partition_cols(vec![day()])
            .build(),
        list: files(manifest.table(&Table::History, tenant)),
        roles: roles(&[
            ("entity", Role::Text(Said::Entity)),
            ("type", Role::Text(Said::Type)),
            ("type_uri", Role::Text(Said::TypeUri)),
            ("time", Role::Moment),
            ("day", Role::Day),
        ]),
        order: vec!["entity", "attribute_uri", "dataset", "time", "seq", "place"],
    }
}

/// What is left of history after its retention.
pub(crate) fn rolled(manifest: &Manifest, tenant: &str) -> Files {
    let of_tenant = |partition: &lake::Partition| {
        matches!(partition.table, Table::Rolled(_)) && partition.tenant == tenant
    };
    let partitions = manifest.partitions();
    let entries = partitions
        .filter(|(partition, _)| of_tenant(partition))
        .flat_map(|(_, files)| files);
    Files {
        columns: TableSchema::builder(viewed(&lake::rollup::schema()))
            .with_table_partition_cols(vec![
                Arc::new(Field::new("period", DataType::Utf8View, false)),
                day(),
            ])
            .build(),
        list: files(entries),
        roles: roles(&[
            ("entity", Role::Text(Said::Entity)),
            ("type", Role::Text(Said::Type)),
            ("type_uri", Role::Text(Said::TypeUri)),
            ("time", Role::Moment),
            ("period", Role::Text(Said::Period)),
            ("day", Role::Day),
        ]),
        order: vec!["entity", "attribute_uri", "dataset", "time"],
    }
}

/// A table of records.
pub(crate) fn records(manifest: &Manifest, tenant: &str, table: &RecordTable) -> Files {
    let name = table.name.clone();
    let time = table.definition.time.as_ref();
    let time = time.map(|column| (column.clone(), Role::Moment));
    Files {
        columns: TableSchema::from(viewed(table.schema())),
        list: files(manifest.table(&Table::Records(name), tenant)),
        roles: time.into_iter().collect(),
        order: Vec::new(),
    }
}

impl Files {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> u64 {
        self.list.iter().map(|file| file.entry.rows).sum()
    }

    fn role(&self, column: &str) -> Option<Role> {
        let mut roles = self.roles.iter();
        roles
            .find(|(name, _)| name == column)
            .map(|(_, role)| *role)
    }

    /// A file as the engine opens it.
    fn opened(&self, file: &File) -> PartitionedFile {
        let values = self.columns.table_partition_cols().iter().map(|field| {
            let role = self.role(field.name()).unwrap_or(Role::Day);
            file.bound(role, false)
        });
        let columns =
            self.columns
                .file_schema()
                .fields()
                .iter()
                .map(|field| match self.role(field.name()) {
                    None => ColumnStatistics::new_unknown(),
                    Some(role) => ColumnStatistics::new_unknown()
                        .with_null_count(Precision::Exact(0))
                        .with_min_value(known(file.bound(role, false)))
                        .with_max_value(known(file.bound(role, true))),
                });
        let rows = usize::try_from(file.entry.rows).unwrap_or(usize::MAX);
        let statistics = Statistics {
            num_rows: Precision::Exact(rows),
            total_byte_size: Precision::Absent,
            column_statistics: columns.collect(),
        };
        PartitionedFile::new(file.entry.path.clone(), file.entry.bytes)
            .with_partition_values(values.collect())
            .with_statistics(Arc::new(statistics))
    }

    /// The files that the filters leave.
    fn needed(&self, state: &dyn Session, filters: &[Expr]) -> PlanResult<Vec<File>> {
        let Some(filter) = conjunction(filters.iter().cloned()) else {
            return Ok(self.list.clone());
        };
        let schema = Arc::clone(self.columns.table_schema());
        let named = DFSchema::try_from(Arc::clone(&schema))?;
        let predicate = state.create_physical_expr(filter, &named)?;
        prune::needed(&self.list, &self.roles, schema, predicate)
    }

    /// The order of rows that is true when each group is one file.
    fn ordering(&self) -> PlanResult<Option<LexOrdering>> {
        let options = SortOptions {
            descending: false,
            nulls_first: true,
        };
        let schema = self.columns.table_schema();
        let columns = self.order.iter().map(|name| {
            let column = col(name, schema)?;
            Ok(PhysicalSortExpr::new(column, options))
        });
        Ok(LexOrdering::new(columns.collect::<PlanResult<Vec<_>>>()?))
    }
}

fn known(value: ScalarValue) -> Precision<ScalarValue> {
    if value.is_null() {
        Precision::Absent
    } else {
        Precision::Exact(value)
    }
}

#[async_trait]
impl TableProvider for Files {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let files = self.needed(state, filters)?;
        if files.is_empty() {
            let schema = self.schema();
            let schema = match projection {
                Some(indices) => Arc::new(schema.project(indices)?),
                None => schema,
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let partitions = state.config().target_partitions().max(1);
        let opened: Vec<_> = files.iter().map(|file| self.opened(file)).collect();
        let statistics = opened.iter().filter_map(|file| file.statistics.as_deref());
        let statistics = Statistics::try_merge_iter(statistics, self.columns.table_schema())?;
        let url = files_url()?;
        let runtime = state.runtime_env();
        let footers = CachedParquetFileReaderFactory::new(
            runtime.object_store(&url)?,
            runtime.cache_manager.get_file_metadata_cache(),
        );
        let options = state.config_options().execution.parquet.clone();
        let source = ParquetSource::new(self.columns.clone())
            .with_table_parquet_options(datafusion::config::TableParquetOptions {
                global: options,
                ..Default::default()
            })
            .with_parquet_file_reader_factory(Arc::new(footers));
        let mut config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_statistics(statistics);
        config = if opened.len() > partitions {
            config.with_file_groups(FileGroup::new(opened).split_files(partitions))
        } else {
            let groups = opened.into_iter().map(|file| FileGroup::new(vec![file]));
            config
                .with_file_groups(groups.collect())
                .with_output_ordering(self.ordering()?.into_iter().collect())
        };
        Ok(DataSourceExec::from_data_source(config.build()))
    }
}

//! The engine under a query: how it is set, what memory it has, and which files it can reach.

use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList as _, MemoryCatalogProvider,
    MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::common::{DataFusionError, Result as PlanResult, exec_err};
use datafusion::datasource::TableProvider;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::ast::Ident;
use object_store::ObjectStore;
use url::Url;

use crate::names::Meant;
use crate::{Settings, SqlError, functions};

/// The one catalog.
pub(crate) const CATALOG: &str = "city";
/// The schema of tables named without one.
pub(crate) const PUBLIC: &str = "public";
/// The schema of types of entities.
pub(crate) const NOW: &str = "now";
/// The schema of tables of records.
pub(crate) const RECORDS: &str = "records";
/// Where the files of the lake are, for the engine.
const FILES: &str = "lake://files";
/// Bytes of footers of files that are kept between queries.
const FOOTERS_BYTES_MAX: usize = 64 << 20;

/// The files that a query can reach: those of the lake, whatever else a name points to.
#[derive(Debug)]
struct OnlyTheLake(Arc<dyn ObjectStore>);

impl ObjectStoreRegistry for OnlyTheLake {
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> PlanResult<Arc<dyn ObjectStore>> {
        if url.scheme() == "lake" {
            Ok(Arc::clone(&self.0))
        } else {
            exec_err!("files are not read by queries")
        }
    }
}

/// Where the files of the lake are, for the engine.
pub(crate) fn files_url() -> Result<ObjectStoreUrl, DataFusionError> {
    ObjectStoreUrl::parse(FILES)
}

/// Makes the session that every query begins with.
pub(crate) fn prototype(
    settings: &Settings,
    files: Arc<dyn ObjectStore>,
) -> Result<SessionState, SqlError> {
    let state = SessionStateBuilder::new()
        .with_config(config(settings))
        .with_runtime_env(runtime(settings, files)?)
        .with_default_features()
        .build();
    functions::register(state)
}

fn config(settings: &Settings) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.threads.max(1))
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, PUBLIC)
        .with_information_schema(true);
    let options = config.options_mut();
    // Names are resolved before, whatever their case: see `names`.
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    options.execution.time_zone = Some("UTC".to_owned());
    // What every client understands, also those that know no views of text.
    options.optimizer.expand_views_at_output = true;
    config
}

fn runtime(settings: &Settings, files: Arc<dyn ObjectStore>) -> Result<Arc<RuntimeEnv>, SqlError> {
    let mode = match &settings.folder {
        None => DiskManagerMode::Disabled,
        Some(folder) => {
            // What a query that was killed had put there is of no use to anybody.
            if folder.is_dir() {
                std::fs::remove_dir_all(folder).map_err(|error| refused(settings, &error))?;
            }
            std::fs::create_dir_all(folder).map_err(|error| refused(settings, &error))?;
            DiskManagerMode::Directories(vec![folder.clone()])
        }
    };
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(settings.spill_bytes_max);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory_bytes)))
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(FOOTERS_BYTES_MAX)
        .with_object_store_registry(Arc::new(OnlyTheLake(files)))
        .build_arc()?;
    Ok(runtime)
}

fn refused(settings: &Settings, error: &std::io::Error) -> SqlError {
    let folder = settings.folder.as_deref().unwrap_or_else(|| "".as_ref());
    SqlError::Engine(format!(
        "the folder {} for queries: {error}",
        folder.display()
    ))
}

/// A session that sees these tables and no others: schema, name, table.
pub(crate) fn seeing(
    prototype: &SessionState,
    tables: Vec<(&'static str, String, Arc<dyn TableProvider>)>,
) -> Result<SessionState, SqlError> {
    let catalog = MemoryCatalogProvider::new();
    for name in [PUBLIC, NOW, RECORDS] {
        catalog.register_schema(name, Arc::new(MemorySchemaProvider::new()))?;
    }
    for (schema, name, table) in tables {
        if let Some(schema) = catalog.schema(schema) {
            schema.register_table(name, table)?;
        }
    }
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let mut state = SessionStateBuilder::new_from_existing(prototype.clone())
        .with_catalog_list(Arc::new(catalogs))
        .build();
    // What `now()` says, the same in the whole query.
    state.mark_start_execution();
    Ok(state)
}

/// The relations that describe tables, each with the columns that are asked for by name. How the
/// engine is set is nobody's business.
const ABOUT: [(&str, &[&str]); 6] = [
    (
        "tables",
        &["table_catalog", "table_schema", "table_name", "table_type"],
    ),
    (
        "columns",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "column_default",
            "is_nullable",
            "data_type",
        ],
    ),
    ("schemata", &["catalog_name", "schema_name"]),
    (
        "views",
        &["table_catalog", "table_schema", "table_name", "definition"],
    ),
    (
        "routines",
        &["routine_name", "routine_type", "data_type", "description"],
    ),
    (
        "parameters",
        &[
            "specific_name",
            "parameter_name",
            "parameter_mode",
            "data_type",
        ],
    ),
];

/// The relation that describes tables, if this names one.
pub(crate) fn about_tables(relation: &[Ident]) -> Result<Option<Meant>, SqlError> {
    const SCHEMA: &str = "information_schema";
    let [.., schema, table] = relation else {
        return Ok(None);
    };
    if !schema.value.eq_ignore_ascii_case(SCHEMA) {
        return Ok(None);
    }
    let mut known = ABOUT.into_iter();
    match known.find(|(name, _)| name.eq_ignore_ascii_case(&table.value)) {
        Some((name, columns)) => Ok(Some(Meant {
            schema: SCHEMA.to_owned(),
            name: name.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        })),
        None => Err(SqlError::invalid(format!(
            "there is no table '{SCHEMA}.{}'",
            table.value
        ))),
    }
}

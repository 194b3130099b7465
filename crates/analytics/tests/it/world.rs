//! A city in memory, with a lake in a folder.

use std::collections::BTreeMap;
use std::fs::{File, create_dir_all};
use std::path::Path;
use std::sync::Arc;

use analytics::running::{self, Desk};
use analytics::{Analytics, Options, Parts, Settings, SqlError};
use arrow::array::{
    BooleanArray, Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::util::pretty::pretty_format_batches;
use base::{Tasks, Tenant, Time};
use broker::Broker;
use futures_util::TryStreamExt as _;
use lake::history::schema::{FLOAT, schema, short};
use lake::{Entry, Lake, Partition, Place, Table};
use ngsi::Entity;
use parquet::arrow::ArrowWriter;
use ports::{Act, Around, Batch, EntityChange, Expect, Store as _};
use store_memory::MemoryStore;
use tempfile::TempDir;
use testkit::{SeededEntropy, StepClock};
use trust::{Access, Call, Operation, Principal};

/// A city, and its clock.
pub(crate) struct World {
    pub(crate) analytics: Arc<Analytics>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) tasks: Tasks,
    _folder: TempDir,
}

/// One reading: entity, attribute, seconds since 1970, number.
pub(crate) type Reading = (&'static str, &'static str, i64, f64);

/// What a world is made of.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) entities: Vec<(Tenant, Entity)>,
    /// Files of history: the tenant, the type, readings of one day in the order of files.
    pub(crate) files: Vec<(Tenant, &'static str, Vec<Reading>)>,
    pub(crate) settings: Settings,
    pub(crate) closed: bool,
}

impl Plan {
    pub(crate) fn of(entities: impl IntoIterator<Item = Entity>) -> Self {
        let default = |entity| (Tenant::default_tenant(), entity);
        Self {
            entities: entities.into_iter().map(default).collect(),
            ..Self::default()
        }
    }

    pub(crate) async fn build(self) -> World {
        let folder = TempDir::new().expect("a folder");
        let clock = Arc::new(StepClock::default());
        let store = Arc::new(MemoryStore::default());
        let mut acts: BTreeMap<Tenant, Vec<Act>> = BTreeMap::new();
        for (tenant, entity) in self.entities {
            acts.entry(tenant).or_default().push(put(entity));
        }
        for (tenant, acts) in acts {
            commit(&store, tenant, acts).await;
        }
        for (number, (tenant, class, readings)) in self.files.into_iter().enumerate() {
            let path = format!("history/{number}.parquet");
            let entry = write(&folder.path().join("lake"), path, &tenant, class, &readings);
            let act = Act::Doc {
                kind: "lake-file".into(),
                id: entry.path.as_str().into(),
                expect: Expect::Any,
                body: Some(Arc::new(serde_json::to_value(&entry).expect("an entry"))),
            };
            commit(&store, Tenant::hidden("lake"), vec![act]).await;
            let known = testkit::entity("urn:known").of("Known").build();
            if !tenant.is_default() {
                commit(&store, tenant, vec![put(known)]).await;
            }
        }
        let tasks = Tasks::new();
        let access = if self.closed {
            Access::Closed
        } else {
            Access::Open
        };
        let store_of = Arc::clone(&store);
        let broker = Broker::new(store_of, Arc::clone(&clock) as _, access, tasks.clone());
        let lake = Lake::start(lake::Parts {
            broker: Arc::clone(&broker),
            past: None,
            place: Place::Folder(folder.path().join("lake")),
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SeededEntropy::new(7)),
            tasks: tasks.clone(),
        });
        let micros_max = self.settings.micros_max;
        let analytics = Analytics::start(Parts {
            broker: Arc::clone(&broker),
            lake: lake.await.expect("a lake"),
            clock: Arc::clone(&clock) as _,
            tasks: tasks.clone(),
            settings: Settings {
                folder: Some(folder.path().join("spill")),
                ..self.settings
            },
        });
        let analytics = analytics.expect("an engine");
        let desk = Desk::new(running::Parts {
            engine: Arc::clone(&analytics),
            broker,
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SeededEntropy::new(8)),
            tasks: tasks.clone(),
            micros_max,
        });
        World {
            analytics,
            clock,
            desk,
            tasks,
            _folder: folder,
        }
    }
}

fn put(entity: Entity) -> Act {
    Act::Entity {
        id: entity.id.clone(),
        expect: Expect::Any,
        change: EntityChange::Put(Arc::new(entity)),
        around: Around::default(),
    }
}

async fn commit(store: &MemoryStore, tenant: Tenant, acts: Vec<Act>) {
    let batch = Batch {
        tenant,
        time: Time(0),
        acts,
        cursor: None,
    };
    store.commit(batch).await.expect("a commit");
}

/// Writes a file of history; rows stand in the order that is given.
fn write(lake: &Path, path: String, tenant: &Tenant, class: &str, readings: &[Reading]) -> Entry {
    let class = testkit::name(class).to_string();
    let batch = batch(&class, readings);
    let file = lake.join(&path);
    create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let writer = File::create(&file).expect("a file");
    let mut writer = ArrowWriter::try_new(writer, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    let entities = || readings.iter().map(|reading| reading.0.to_owned());
    let moments = || readings.iter().map(|reading| reading.2 * 1_000_000);
    let day = moments()
        .min()
        .expect("a reading")
        .div_euclid(86_400_000_000);
    Entry {
        path,
        partition: Partition {
            table: Table::History,
            tenant: tenant.as_str().to_owned(),
            class,
            day: i32::try_from(day).expect("a day"),
        },
        rows: readings.len() as u64,
        bytes: file.metadata().expect("a file").len(),
        entities: (
            entities().min().expect("a reading"),
            entities().max().expect("a reading"),
        ),
        moments: (
            moments().min().expect("a reading"),
            moments().max().expect("a reading"),
        ),
    }
}

/// The rows of a file.
fn batch(class: &str, readings: &[Reading]) -> RecordBatch {
    let rows = readings.len();
    let texts = |of: &dyn Fn(&Reading) -> String| {
        Arc::new(
            readings
                .iter()
                .map(|reading| Some(of(reading)))
                .collect::<StringArray>(),
        )
    };
    let times = |(): ()| {
        let times = readings.iter().map(|reading| reading.2 * 1_000_000);
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
    };
    let schema = schema();
    let mut columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| new_null_array(field.data_type(), rows))
        .collect();
    let uri = |reading: &Reading| testkit::name(reading.1).to_string();
    let mut set = |name: &str, column| {
        let at = schema.index_of(name).expect("a column");
        columns[at] = column;
    };
    set("entity", texts(&|reading| reading.0.to_owned()));
    set("type", texts(&|_| short(class).to_owned()));
    set("type_uri", texts(&|_| class.to_owned()));
    set("attribute", texts(&|reading| reading.1.to_owned()));
    set("attribute_uri", texts(&uri));
    set("time", times(()));
    set("observed", Arc::new(BooleanArray::from(vec![true; rows])));
    set("modified_at", times(()));
    set("created_at", times(()));
    let numbers = readings.iter().map(|reading| reading.3);
    set("number", Arc::new(Float64Array::from_iter_values(numbers)));
    set("kind", Arc::new(Int8Array::from(vec![FLOAT; rows])));
    let seqs = (1..).take(rows);
    set("seq", Arc::new(Int64Array::from_iter_values(seqs)));
    set("place", Arc::new(Int32Array::from(vec![0; rows])));
    RecordBatch::try_new(schema, columns).expect("rows")
}

/// Whoever may do this and no more.
pub(crate) fn holder(operations: &[Operation]) -> Call {
    Call {
        principal: Principal::Token {
            id: "a1".into(),
            name: "analyst".into(),
            operations: operations.iter().copied().collect(),
        },
        tenant: Tenant::default_tenant(),
        deadline: Time::MAX,
    }
}

/// The node's own call in a tenant.
pub(crate) fn within(tenant: &str) -> Call {
    Call::of_the_node(Tenant::new(tenant).expect("a tenant"))
}

impl World {
    /// The answer as a table, or why there is none.
    pub(crate) async fn try_ask(&self, call: &Call, sql: &str) -> Result<String, SqlError> {
        let answer = self.analytics.query(call, sql, Options::default()).await?;
        let batches: Vec<RecordBatch> = answer.stream.try_collect().await?;
        let table = pretty_format_batches(&batches).expect("a table");
        Ok(table.to_string())
    }

    /// Asks all tasks of the node to end.
    pub(crate) fn stop(&self) {
        self.tasks.stop();
    }

    /// The answer as a table.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        match self.try_ask(&within(""), sql).await {
            Ok(table) => table,
            Err(error) => format!("{error:?}"),
        }
    }

    /// Why there is no answer.
    pub(crate) async fn refusal(&self, sql: &str) -> SqlError {
        let asked = self.try_ask(&within(""), sql).await;
        asked.expect_err("no answer is expected")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

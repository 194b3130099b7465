//! A lake in a folder, over a store and a clock that outlive it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Float64Array, Int8Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use base::{Tasks, Tenant, Time};
use broker::Broker;
use ports::{Clock as _, StoreError};
use store_memory::{Fault, Faulty, MemoryStore};
use tempfile::TempDir;
use testkit::{Random, SeededEntropy, StepClock};
use trust::Access;

use super::model::{Instance, Model, Row, Value};
use crate::history::scan::Scan;
use crate::history::schema::{DELETED, FLOAT, TEXT, schema, short};
use crate::history::write::FileWriter;
use crate::rollup::{DAY, Sketch};
use crate::{Edit, Entry, Lake, Partition, Parts, Place, Rules, Table};

#[derive(Debug)]
pub(super) struct World {
    pub(super) store: Arc<Faulty>,
    clock: Arc<StepClock>,
    dir: TempDir,
    tasks: Tasks,
    lives: u64,
    tenant: Tenant,
    pub(super) lake: Arc<Lake>,
}

/// A commit that fails.
pub(super) fn refusal() -> Fault {
    Fault::Commit(StoreError::Unavailable {
        reason: "the disk is full".to_owned(),
    })
}

async fn open(
    store: &Arc<Faulty>,
    clock: &Arc<StepClock>,
    (dir, tasks, seed): (&TempDir, &Tasks, u64),
) -> Arc<Lake> {
    let broker = Broker::new(
        Arc::clone(store) as _,
        Arc::clone(clock) as _,
        Access::Open,
        tasks.clone(),
    );
    let parts = Parts {
        broker,
        past: None,
        place: Place::Folder(dir.path().to_owned()),
        clock: Arc::clone(clock) as _,
        entropy: Arc::new(SeededEntropy::new(seed)),
        tasks: tasks.clone(),
    };
    let rules = Rules {
        grace_micros: 0,
        ..Rules::default()
    };
    Lake::start_with(parts, rules).await.expect("a lake")
}

impl World {
    pub(super) async fn new() -> Self {
        Self::of(Tenant::default_tenant()).await
    }

    /// With instances of a tenant.
    pub(super) async fn of(tenant: Tenant) -> Self {
        let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new())));
        let clock = Arc::new(StepClock::default());
        // In the middle of a day.
        clock.advance_micros(DAY / 2);
        let (dir, tasks) = (TempDir::new().expect("a folder"), Tasks::new());
        let lake = open(&store, &clock, (&dir, &tasks, 0)).await;
        Self {
            store,
            clock,
            dir,
            tasks,
            lives: 0,
            tenant,
            lake,
        }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().0
    }

    pub(super) fn advance(&self, micros: i64) {
        self.clock.advance_micros(micros);
    }

    pub(super) async fn stop(&self) {
        self.tasks.stop();
        self.tasks.ended().await;
    }

    /// Ends this life of the lake and begins another.
    pub(super) async fn reopen(&mut self) {
        self.stop().await;
        self.lives += 1;
        self.tasks = Tasks::new();
        self.lake = open(
            &self.store,
            &self.clock,
            (&self.dir, &self.tasks, self.lives),
        )
        .await;
    }

    /// Lets a run be hit by something: a commit that fails, a stop of the node, its end.
    pub(super) async fn fault(&mut self, random: &mut Random) {
        let tenant = self.tenant.clone();
        if random.percent(40) {
            let fault = match refusal() {
                Fault::Commit(error) if random.percent(50) => Fault::Acknowledgement(error),
                refusal => refusal,
            };
            self.store.inject(fault);
            let _whatever = self.lake.retain(&tenant).await.is_ok();
            self.reopen().await;
            return;
        }
        let (lake, tasks) = (Arc::clone(&self.lake), self.tasks.clone());
        let steps = random.below(400);
        let hit = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
        };
        let is_gentle = random.percent(50);
        let run = async {
            tokio::select! {
                biased;
                _done = lake.retain(&tenant) => {}
                () = async { if is_gentle { std::future::pending::<()>().await } hit.await } => {}
            }
        };
        let stop = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            tasks.stop();
        };
        if is_gentle {
            tokio::join!(run, stop);
        } else {
            run.await;
        }
        drop(lake);
        self.reopen().await;
    }

    /// Waits for something that a task of the lake does.
    pub(super) async fn until(&self, is_so: impl Fn(&Lake) -> bool) {
        for _ in 0..2_000_000 {
            if is_so(&self.lake) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it did not come to pass");
    }

    /// Writes instances as a parcel of sealed history.
    pub(super) async fn seal(&self, instances: &[Instance]) {
        self.put_file(&Table::History, instances).await;
    }

    pub(super) async fn put_file(&self, table: &Table, instances: &[Instance]) {
        let mut by_partition: BTreeMap<Partition, Vec<&Instance>> = BTreeMap::new();
        for one in instances {
            let is_history = *table == Table::History;
            let partition = Partition {
                table: table.clone(),
                tenant: self.tenant.as_str().to_owned(),
                class: if is_history { one.class } else { "" }.to_owned(),
                day: crate::manifest::day_of(Time(one.time)),
            };
            by_partition.entry(partition).or_default().push(one);
        }
        let mut edit = Edit::default();
        for (partition, mut rows) in by_partition {
            rows.sort_by_key(|one| (&one.entity, one.attribute, &one.dataset, one.time, one.seq));
            let path = self.lake.new_path(&partition);
            let mut file = FileWriter::new(path, partition, &schema()).expect("a file");
            file.write(&batch(&rows)).expect("written");
            let sealed = file.finish().expect("written").expect("rows");
            self.lake.put(&sealed).await.expect("put");
            edit.add.push(sealed.entry);
        }
        self.lake.commit(edit).await.expect("an edit");
    }

    pub(super) fn rows(&self) -> u64 {
        let manifest = self.lake.manifest();
        let files = manifest.partitions().flat_map(|(_, files)| files);
        files.map(|entry| entry.rows).sum()
    }

    /// Rows of types of which no policy speaks.
    pub(super) fn untouched(&self, model: &Model) -> u64 {
        let manifest = self.lake.manifest();
        let is_untouched = |class: &str| {
            !model.policies.iter().any(|policy| {
                policy["type"]
                    .as_str()
                    .is_none_or(|said| said == class || said == short(class))
            })
        };
        let all = manifest
            .partitions()
            .filter(|(p, _)| is_untouched(&p.class));
        all.flat_map(|(_, files)| files)
            .map(|entry| entry.rows)
            .sum()
    }

    /// All rows of all files.
    pub(super) async fn contents(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let manifest = self.lake.manifest();
        for entry in manifest.partitions().flat_map(|(_, files)| files) {
            let before = rows.len();
            self.read(entry, &mut rows).await;
            assert_eq!((rows.len() - before) as u64, entry.rows);
        }
        rows
    }

    async fn read(&self, entry: &Entry, rows: &mut Vec<Row>) {
        let source = self
            .lake
            .objects()
            .source(&entry.path)
            .await
            .expect("a file");
        let mut scan = Scan::open(&entry.path, source, None).expect("a file");
        let period = match entry.partition.table {
            Table::Rolled(period) => period,
            _ => 0,
        };
        while let Some(batch) = scan.read().expect("rows") {
            rows.extend((0..batch.num_rows()).map(|at| row(&batch, at, period)));
        }
    }

    /// Files that nothing speaks of.
    pub(super) async fn orphans(&self) -> Vec<String> {
        let manifest = self.lake.manifest();
        let mut all = self.lake.objects().list().await.expect("a list");
        all.retain(|path| path.ends_with(".parquet") && !manifest.names(path));
        all
    }
}

fn batch(rows: &[&Instance]) -> RecordBatch {
    let text = |of: fn(&Instance) -> Option<&str>| {
        Arc::new(rows.iter().map(|one| of(one)).collect::<StringArray>()) as ArrayRef
    };
    let time = || {
        let times = rows.iter().map(|one| one.time);
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
            as ArrayRef
    };
    let column = |name: &str, data_type: &DataType| match name {
        "entity" => text(|one| Some(&one.entity)),
        "type" => text(|one| Some(short(one.class))),
        "type_uri" => text(|one| Some(one.class)),
        "attribute" => text(|one| Some(short(one.attribute))),
        "attribute_uri" => text(|one| Some(one.attribute)),
        "dataset" => text(|one| one.dataset.as_deref()),
        "unit" => text(|one| one.unit.as_deref()),
        "text" => text(|one| match &one.value {
            Value::Text(text) => Some(text),
            _ => None,
        }),
        "time" | "modified_at" | "created_at" => time(),
        "observed" => Arc::new(
            rows.iter()
                .map(|one| Some(one.observed))
                .collect::<BooleanArray>(),
        ),
        "number" => Arc::new(
            rows.iter()
                .map(|one| match one.value {
                    Value::Number(number) => Some(number),
                    _ => None,
                })
                .collect::<Float64Array>(),
        ),
        "kind" => Arc::new(Int8Array::from_iter_values(rows.iter().map(
            |one| match one.value {
                Value::Number(_) => FLOAT,
                Value::Text(_) => TEXT,
                Value::Deleted => DELETED,
            },
        ))),
        "seq" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|one| one.seq))),
        "place" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|_| 0))),
        _ => new_null_array(data_type, rows.len()),
    };
    let schema = schema();
    let columns = schema.fields().iter();
    let columns = columns
        .map(|field| column(field.name(), field.data_type()))
        .collect();
    RecordBatch::try_new(schema, columns).expect("columns of history")
}

fn row(batch: &RecordBatch, at: usize, period: i64) -> Row {
    let column = |name: &str| batch.column_by_name(name).expect(name);
    let text = |name: &str| {
        let column = column(name).as_string::<i32>();
        column.is_valid(at).then(|| column.value(at).to_owned())
    };
    let number = |name: &str| {
        let column = column(name).as_primitive::<Float64Type>();
        column.is_valid(at).then(|| column.value(at))
    };
    let time = |name: &str| {
        column(name)
            .as_primitive::<TimestampMicrosecondType>()
            .value(at)
    };
    let long = |name: &str| column(name).as_primitive::<Int64Type>().value(at);
    let is_rolled = period > 0;
    let numbers = if is_rolled {
        let all = ["min", "max", "sum", "sum_of_squares", "last"].map(number);
        assert_eq!(number("mean").is_some(), all[0].is_some());
        all[0].map(|_| all.map(|number| number.expect("all or none")))
    } else {
        number("number").map(|n| [n, n, n, n * n, n])
    };
    let sketch = is_rolled.then(|| column("sketch").as_list::<i32>());
    let sketch = sketch
        .filter(|column| column.is_valid(at))
        .map(|column| Sketch::from_list(column.value(at).as_struct()).expect("a sketch"));
    Row {
        period,
        class: text("type_uri").expect("a type"),
        entity: text("entity").expect("an entity"),
        attribute: text("attribute_uri").expect("an attribute"),
        dataset: text("dataset"),
        time: time("time"),
        observed: column("observed").as_boolean().value(at),
        unit: text("unit"),
        count: if is_rolled {
            u64::try_from(long("count")).expect("a count")
        } else {
            1
        },
        numbers,
        last_at: time(if is_rolled { "last_at" } else { "time" }),
        text: text(if is_rolled { "last_text" } else { "text" }),
        sketch,
        seq: if is_rolled { 0 } else { long("seq") },
    }
}

//! The manifest: which files of the lake count.
//!
//! Each file is a doc of the family `lake-file`, under a tenant of the node's own; an edit is one
//! commit, so it is true whole or not at all. This process keeps the whole list in memory: a
//! reader takes it once and reads files of one moment, whatever is edited meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use parking_lot::RwLock;
use ports::{Act, Batch, Clock, Expect, Store};
use serde::{Deserialize, Serialize};

use crate::LakeError;

/// The family of docs.
const KIND: &str = "lake-file";
/// Docs read at once at the start.
const PAGE: usize = 10_000;
/// The cursor of the tail that takes history over.
pub const CURSOR: &str = "lake";

/// The tenant under which the lake keeps its docs.
pub fn tenant() -> Tenant {
    Tenant::hidden("lake")
}

/// What a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Instances of attributes.
    History,
    /// History rolled up into periods of so many microseconds.
    Rolled(i64),
    /// A table of records.
    Records(String),
}

/// Files that are rewritten, kept and let go together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    /// What the files belong to.
    pub table: Table,
    /// Whose world: the name of a tenant, empty for the default one.
    pub tenant: String,
    /// Expanded name of the entities' first type; empty for records.
    pub class: String,
    /// The day, counted from 1970-01-01 in UTC, of all moments within.
    pub day: i32,
}

/// A file of the lake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its name within the lake; never used again.
    pub path: String,
    /// What it belongs to.
    #[serde(flatten)]
    pub partition: Partition,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The first and the last entity in it, in order of bytes; empty for records.
    pub entities: (String, String),
    /// The first and the last moment in it, in microseconds.
    pub moments: (i64, i64),
}

/// The files that count at one moment.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// How many edits there were in this life of the node.
    pub version: u64,
    partitions: BTreeMap<Partition, Vec<Arc<Entry>>>,
    paths: BTreeSet<String>,
}

impl Manifest {
    /// The files of a partition, in order of name.
    pub fn files(&self, partition: &Partition) -> &[Arc<Entry>] {
        self.partitions.get(partition).map_or(&[], Vec::as_slice)
    }

    /// All partitions with their files, in order.
    pub fn partitions(&self) -> impl DoubleEndedIterator<Item = (&Partition, &[Arc<Entry>])> {
        self.partitions
            .iter()
            .map(|(partition, files)| (partition, files.as_slice()))
    }

    /// The files of a table and tenant, by class and day.
    pub fn table(
        &self,
        table: &Table,
        tenant: &str,
    ) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        let from = Partition {
            table: table.clone(),
            tenant: tenant.to_owned(),
            class: String::new(),
            day: i32::MIN,
        };
        let (table, tenant) = (table.clone(), tenant.to_owned());
        let from = self.partitions.range(from..);
        from.take_while(move |(p, _)| p.table == table && p.tenant == tenant)
            .flat_map(|(_, files)| files)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Whether a file of that name counts.
    pub fn names(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    fn add(&mut self, entry: Entry) {
        self.paths.insert(entry.path.clone());
        let files = self.partitions.entry(entry.partition.clone()).or_default();
        let place = files.partition_point(|file| file.path < entry.path);
        files.insert(place, Arc::new(entry));
    }

    fn remove(&mut self, entry: &Entry) {
        self.paths.remove(&entry.path);
        if let Some(files) = self.partitions.get_mut(&entry.partition) {
            files.retain(|file| file.path != entry.path);
            if files.is_empty() {
                self.partitions.remove(&entry.partition);
            }
        }
    }
}

/// What changes of the manifest, and what becomes true with it.
#[derive(Debug, Default)]
pub struct Edit {
    /// Files that count from now on; they are durable.
    pub add: Vec<Entry>,
    /// Files that no longer count; each must count now.
    pub remove: Vec<Arc<Entry>>,
    /// Where the tail stands then.
    pub cursor: Option<Seq>,
    /// Docs of the lake's own that change in the same commit.
    pub acts: Vec<Act>,
}

/// Keeps the manifest.
#[derive(Debug)]
pub struct Keeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    now: RwLock<Arc<Manifest>>,
    /// Held while an edit is being committed.
    editing: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// Reads the manifest from the store.
    pub async fn load(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self, LakeError> {
        let mut manifest = Manifest::default();
        let mut after: Option<Name> = None;
        loop {
            let docs = store.docs(&tenant(), KIND, after.as_deref(), PAGE).await?;
            let Some(last) = docs.last() else { break };
            after = Some(last.id.clone());
            for doc in docs {
                let entry = Entry::deserialize(&*doc.body).map_err(|error| {
                    LakeError::Corrupt(format!("the manifest's doc {}: {error}", doc.id))
                })?;
                manifest.add(entry);
            }
        }
        Ok(Self {
            store,
            clock,
            now: RwLock::new(Arc::new(manifest)),
            editing: tokio::sync::Mutex::new(()),
        })
    }

    /// The manifest as it is now.
    pub fn now(&self) -> Arc<Manifest> {
        Arc::clone(&self.now.read())
    }

    /// Makes an edit true. A file to be removed that counts no more is a conflict, and nothing is
    /// changed: whoever read it reads again.
    pub async fn commit(&self, edit: Edit) -> Result<(), LakeError> {
        let _one_at_a_time = self.editing.lock().await;
        let mut next = Manifest::clone(&self.now());
        for entry in &edit.remove {
            if !next.names(&entry.path) {
                let what = format!("the file {} was replaced in the meantime", entry.path);
                return Err(LakeError::Conflict(what));
            }
        }
        let doc = |path: &str, body| Act::Doc {
            kind: Name::from(KIND),
            id: Name::from(path),
            expect: Expect::Any,
            body,
        };
        let mut acts = edit.acts;
        for entry in &edit.remove {
            acts.push(doc(&entry.path, None));
            next.remove(entry);
        }
        for entry in edit.add {
            let body = serde_json::to_value(&entry)
                .map_err(|error| LakeError::GivenUp(error.to_string()))?;
            acts.push(doc(&entry.path, Some(Arc::new(body))));
            next.add(entry);
        }
        next.version += 1;
        let batch = Batch {
            tenant: tenant(),
            time: self.clock.now(),
            acts,
            cursor: edit.cursor.map(|seq| (Name::from(CURSOR), seq)),
        };
        self.store.commit(batch).await?;
        *self.now.write() = Arc::new(next);
        Ok(())
    }

    /// How far history was taken over.
    pub async fn taken(&self) -> Result<Seq, LakeError> {
        Ok(self.store.cursor(CURSOR).await?.unwrap_or(Seq::ZERO))
    }
}

/// The day of a moment, counted from 1970-01-01 in UTC.
pub fn day_of(moment: Time) -> i32 {
    let day = moment.0.div_euclid(86_400_000_000);
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

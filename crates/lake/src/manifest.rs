//! The manifest: which files of the lake count.
//!
//! Each file is a doc of the family `lake-file`, under a tenant of the node's own; an edit is one
//! commit, so it is true whole or not at all. This process keeps the whole list in memory: a
//! reader takes it once and reads files of one moment, whatever is edited meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use base::{Name, Seq, Tenant, Time};
use parking_lot::{Mutex, RwLock};
use ports::{Act, Batch, Clock, Entropy, Expect, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

use crate::LakeError;

/// The family of docs.
const KIND: &str = "lake-file";
/// The family and the key of the doc that says which lake it is.
const ID_KIND: &str = "lake-id";
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
    /// The change of the log that made it so: that of a later one is greater.
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

    /// The partitions from one on, in order, whether that is there or not.
    pub(crate) fn starting_at(
        &self,
        at: Partition,
    ) -> impl Iterator<Item = (&Partition, &[Arc<Entry>])> {
        let from = self.partitions.range(at..);
        from.map(|(partition, files)| (partition, files.as_slice()))
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

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
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

    fn remove(&mut self, entry: &Entry) -> Option<Arc<Entry>> {
        self.paths.remove(&entry.path);
        let files = self.partitions.get_mut(&entry.partition)?;
        let place = files.iter().position(|file| file.path == entry.path)?;
        let gone = files.remove(place);
        if files.is_empty() {
            self.partitions.remove(&entry.partition);
        }
        Some(gone)
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
    /// Held while an edit is being committed; says whether the store may know of an edit that
    /// `now` does not.
    editing: tokio::sync::Mutex<bool>,
    /// Files that count no more, and the version from which on.
    gone: Mutex<Vec<(Arc<Entry>, u64)>>,
    /// The version that is true.
    edited: watch::Sender<u64>,
    /// The lake's identity; none before it has its first file.
    id: OnceLock<String>,
    entropy: Arc<dyn Entropy>,
}

impl Keeper {
    /// Reads the manifest from the store.
    pub async fn load(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LakeError> {
        let manifest = read(&*store).await?;
        let id = OnceLock::new();
        if let Some(doc) = store.doc(&tenant(), ID_KIND, ID_KIND).await?
            && let Some(text) = doc.body.get("id").and_then(serde_json::Value::as_str)
        {
            id.get_or_init(|| text.to_owned());
        }
        Ok(Self {
            id,
            entropy,
            store,
            clock,
            edited: watch::Sender::new(manifest.version),
            now: RwLock::new(Arc::new(manifest)),
            editing: tokio::sync::Mutex::new(false),
            gone: Mutex::default(),
        })
    }

    /// The manifest as it is now.
    pub fn now(&self) -> Arc<Manifest> {
        Arc::clone(&self.now.read())
    }

    /// The lake's identity; `None`: it never had a file.
    pub(crate) fn id(&self) -> Option<String> {
        self.id.get().cloned()
    }

    /// Tells of edits: shows the version that is true.
    pub(crate) fn edits(&self) -> watch::Receiver<u64> {
        self.edited.subscribe()
    }

    /// Makes an edit true. A file to be removed that counts no more is a conflict, and nothing is
    /// changed: whoever read it reads again.
    pub async fn commit(&self, edit: Edit) -> Result<(), LakeError> {
        let mut is_behind = self.editing.lock().await;
        self.catch_up(&mut is_behind).await?;
        let now = self.now();
        if let Some(entry) = edit.remove.iter().find(|entry| !now.names(&entry.path)) {
            let what = format!("the file {} was replaced in the meantime", entry.path);
            return Err(LakeError::Conflict(what));
        }
        drop(now);
        let mut acts = edit.acts;
        for entry in &edit.remove {
            acts.push(doc(&entry.path, None));
        }
        for entry in &edit.add {
            let body = serde_json::to_value(entry)
                .map_err(|error| LakeError::GivenUp(error.to_string()))?;
            acts.push(doc(&entry.path, Some(Arc::new(body))));
        }
        let new_id = (self.id.get().is_none() && !edit.add.is_empty()).then(|| {
            let mut chance = [0; 16];
            self.entropy.fill(&mut chance);
            hex::encode(chance)
        });
        acts.extend(new_id.as_ref().map(|id| Act::Doc {
            kind: Name::from(ID_KIND),
            id: Name::from(ID_KIND),
            expect: Expect::Any,
            body: Some(Arc::new(json!({ "id": id }))),
        }));
        let has_acts = !acts.is_empty();
        let batch = Batch {
            tenant: tenant(),
            time: self.clock.now(),
            acts,
            cursor: edit.cursor.map(|seq| (Name::from(CURSOR), seq)),
        };
        let committed = self.store.commit(batch).await.inspect_err(|error| {
            // Whether it is written is not known then, unless the store says that it is not.
            *is_behind = !was_refused(error);
        })?;
        if let Some(id) = new_id {
            self.id.get_or_init(|| id);
        }
        if has_acts {
            self.edit(edit.add, &edit.remove, committed.last.0);
        }
        Ok(())
    }

    /// The manifest, and it is surely the one that the store has: also when it was not known whether
    /// an edit had been written.
    pub(crate) async fn sure(&self) -> Result<Arc<Manifest>, LakeError> {
        self.catch_up(&mut *self.editing.lock().await).await?;
        Ok(self.now())
    }

    async fn catch_up(&self, is_behind: &mut bool) -> Result<(), LakeError> {
        if *is_behind {
            self.replace(read(&*self.store).await?);
            *is_behind = false;
        }
        Ok(())
    }

    fn edit(&self, add: Vec<Entry>, remove: &[Arc<Entry>], version: u64) {
        let mut now = self.now.write();
        // It is copied only if a reader holds it.
        let manifest = Arc::make_mut(&mut now);
        manifest.version = version;
        for entry in remove {
            let gone = manifest.remove(entry);
            self.gone.lock().extend(gone.map(|gone| (gone, version)));
        }
        for entry in add {
            manifest.add(entry);
        }
        drop(now);
        self.edited.send_replace(version);
    }

    /// What the store says takes the place of what was thought.
    fn replace(&self, manifest: Manifest) {
        let mut now = self.now.write();
        let version = manifest.version;
        let files = now.partitions.values().flatten();
        let gone = files.filter(|entry| !manifest.names(&entry.path));
        self.gone
            .lock()
            .extend(gone.map(|entry| (Arc::clone(entry), version)));
        *now = Arc::new(manifest);
        drop(now);
        self.edited.send_replace(version);
    }

    /// Takes the files that count no more since `version` or before and that nobody holds any more.
    pub(crate) fn take_gone(&self, version: u64) -> Vec<Arc<Entry>> {
        let mut gone = self.gone.lock();
        let free = |(entry, since): &mut (Arc<Entry>, u64)| {
            *since <= version && Arc::strong_count(entry) == 1
        };
        gone.extract_if(.., free).map(|(entry, _)| entry).collect()
    }

    /// Gives back what could not be removed.
    pub(crate) fn give_back(&self, entry: Arc<Entry>) {
        self.gone.lock().push((entry, 0));
    }

    /// How many files count no more but are still there.
    pub(crate) fn gone(&self) -> usize {
        self.gone.lock().len()
    }

    /// How far history was taken over.
    pub async fn taken(&self) -> Result<Seq, LakeError> {
        Ok(self.store.cursor(CURSOR).await?.unwrap_or(Seq::ZERO))
    }
}

fn doc(path: &str, body: Option<Arc<serde_json::Value>>) -> Act {
    Act::Doc {
        kind: Name::from(KIND),
        id: Name::from(path),
        expect: Expect::Any,
        body,
    }
}

/// Whether it is sure that nothing was written.
pub(crate) fn was_refused(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict { .. } | StoreError::Limit { .. }
    )
}

/// The manifest that the store has.
pub(crate) async fn read(store: &dyn Store) -> Result<Manifest, LakeError> {
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
            manifest.version = manifest.version.max(doc.seq.0);
            manifest.add(entry);
        }
    }
    Ok(manifest)
}

/// The day of a moment, counted from 1970-01-01 in UTC.
pub fn day_of(moment: Time) -> i32 {
    let day = moment.0.div_euclid(86_400_000_000);
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

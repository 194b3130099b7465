//! What engines outside read: `manifest.json` at the lake's root, and files that stay for a while
//! when they count no more.
//!
//! The list is replaced after each edit, never before its files are durable; a file is removed only
//! when a list without it has stood for the grace, and when no reader of this process holds it.

use std::collections::VecDeque;
use std::sync::Arc;

use base::{Tenant, Time};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::naming::{is_ours, period_word};
use crate::sealing::blocking;
use crate::{Entry, Lake, LakeError, Manifest, Table};

/// The name of the list.
pub const LIST: &str = "manifest.json";
/// Between two lists, in microseconds.
const GAP_MICROS: i64 = 200_000;
/// Files that count no more are looked through so often, in microseconds.
const SWEEP_MICROS: i64 = 5_000_000;
/// Lists that are remembered until their grace is over.
const LISTS_MAX: usize = 4_096;

/// What was published, and what must stay.
#[derive(Debug, Default)]
pub struct State {
    /// Held while a list is written and what is done with is removed.
    turn: tokio::sync::Mutex<()>,
    /// Version and time of lists.
    lists: Mutex<VecDeque<(u64, Time)>>,
    /// As long as somebody has a clone, nothing is removed.
    hold: Arc<()>,
}

/// While it lives no file of the lake is removed.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "its being there counts")] Arc<()>);

impl State {
    fn published(&self, version: u64, at: Time) {
        let mut lists = self.lists.lock();
        if lists.len() >= LISTS_MAX {
            // Those in between only make files stay longer.
            lists.remove(LISTS_MAX / 2);
        }
        lists.push_back((version, at));
    }

    /// The latest list, if there is one.
    fn last(&self) -> Option<(u64, Time)> {
        self.lists.lock().back().copied()
    }

    /// The latest version whose list was there at that time.
    fn standing(&self, at: Time) -> Option<u64> {
        let mut lists = self.lists.lock();
        while lists.len() > 1 && lists.get(1).is_some_and(|(_, time)| *time <= at) {
            lists.pop_front();
        }
        lists
            .front()
            .filter(|(_, time)| *time <= at)
            .map(|(version, _)| *version)
    }
}

/// The list on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// The lake's identity: a place belongs to one lake.
    lake: String,
    root: String,
    version: u64,
    written_at: String,
    tables: Vec<Listed>,
}

/// The files of one table of one tenant.
#[derive(Debug, Serialize)]
pub struct Listed {
    table: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    tenant: String,
    files: Vec<File>,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    class: String,
    day: String,
    rows: u64,
    bytes: u64,
    first: i64,
    last: i64,
}

/// What of a list says whose it is.
#[derive(Debug, Deserialize)]
struct Claim {
    lake: String,
}

/// Begins to publish, and to remove what is done with.
pub(crate) fn start(lake: &Arc<Lake>) {
    let (lake, tasks) = (Arc::clone(lake), lake.parts.tasks.clone());
    tasks.clone().spawn("the list of the lake", async move {
        let mut edits = lake.keeper.edits();
        loop {
            let began = lake.now();
            if let Err(error) = lake.tidy().await {
                tracing::warn!(%error, "the list of the lake's files is not as new as the lake");
            }
            lake.meter();
            let took = lake.now().0.saturating_sub(began.0);
            let gap = GAP_MICROS.max(took.saturating_mul(4));
            let (soon, later) = (
                lake.now().plus_micros(gap),
                lake.now().plus_micros(SWEEP_MICROS),
            );
            tokio::select! {
                biased;
                () = tasks.stopped() => return,
                () = lake.parts.clock.sleep_until(soon) => {}
            }
            tokio::select! {
                biased;
                () = tasks.stopped() => return,
                edited = edits.changed() => if edited.is_err() { return },
                () = lake.parts.clock.sleep_until(later) => {}
            }
        }
    });
}

impl Lake {
    /// The list of all files that count, without those of the node's own tenants.
    pub fn list(&self, wanted: impl Fn(&Table, &str) -> bool) -> List {
        list(
            &self.manifest(),
            self.keeper.id().unwrap_or_default(),
            self.objects.root().to_owned(),
            self.now(),
            wanted,
        )
    }

    /// While what it gives lives no file is removed: for a copy of the lake.
    pub fn hold(&self) -> Hold {
        Hold(Arc::clone(&self.publishing.hold))
    }

    /// Publishes if something was edited, then removes what is done with.
    pub(crate) async fn tidy(&self) -> Result<(), LakeError> {
        let _one_at_a_time = self.publishing.turn.lock().await;
        let version = self.manifest().version;
        let last = self.publishing.last();
        if last.is_none_or(|(published, _)| published < version) {
            self.publish().await?;
        }
        self.sweep().await
    }

    /// Replaces the list. A lake that never had a file has none.
    pub(crate) async fn publish(&self) -> Result<(), LakeError> {
        let Some(id) = self.keeper.id() else {
            return Ok(());
        };
        let (manifest, now) = (self.manifest(), self.now());
        let version = manifest.version;
        let root = self.objects.root().to_owned();
        let bytes = blocking(move || {
            let list = list(&manifest, id, root, now, |_, _| true);
            serde_json::to_vec(&list).map_err(|error| LakeError::GivenUp(error.to_string()))
        });
        self.objects.put(LIST, bytes.await?.into()).await?;
        self.publishing.published(version, self.now());
        Ok(())
    }

    /// Removes files that count no more, of which no list speaks that may still be in use.
    async fn sweep(&self) -> Result<(), LakeError> {
        if Arc::strong_count(&self.publishing.hold) > 1 {
            return Ok(());
        }
        let before = self.now().plus_micros(-self.rules.grace_micros.max(0));
        let Some(version) = self.publishing.standing(before) else {
            return Ok(());
        };
        for entry in self.keeper.take_gone(version) {
            if let Err(error) = self.objects.remove(&entry.path).await {
                self.keeper.give_back(entry);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes all files that count no more, whatever grace they had; how many are still held.
    pub(crate) async fn remove_gone(&self) -> Result<usize, LakeError> {
        self.publish().await?;
        if Arc::strong_count(&self.publishing.hold) == 1 {
            for entry in self.keeper.take_gone(u64::MAX) {
                if let Err(error) = self.objects.remove(&entry.path).await {
                    self.keeper.give_back(entry);
                    return Err(error);
                }
            }
        }
        Ok(self.keeper.gone())
    }

    /// Refuses a place that belongs to another lake, or that is not where this one's files are.
    pub(crate) async fn claim(&self) -> Result<(), LakeError> {
        let root = self.objects.root();
        let own = self.keeper.id();
        if let Some(bytes) = self.objects.find(LIST).await? {
            let claim = serde_json::from_slice::<Claim>(&bytes);
            let theirs = claim.map(|claim| claim.lake).unwrap_or_default();
            if Some(&theirs) == own.as_ref() {
                return Ok(());
            }
            return Err(LakeError::Conflict(format!(
                "{root} belongs to another lake ('{theirs}'): set 'lake' to a place of its own"
            )));
        }
        let manifest = self.manifest();
        let last = manifest.partitions().next_back();
        let Some(entry) = last.and_then(|(_, files)| files.last()) else {
            return Ok(());
        };
        if self.objects.has(&entry.path).await? {
            return Ok(());
        }
        Err(LakeError::NotFound(format!(
            "the files of the lake are not in {root}: set 'lake' to where they are"
        )))
    }

    /// Removes files of the lake that the manifest does not name. Only before anything is written.
    pub(crate) async fn remove_orphans(&self) -> Result<(), LakeError> {
        let manifest = self.manifest();
        for path in self.objects.list().await? {
            if is_ours(&path) && !manifest.names(&path) {
                tracing::info!(file = path, "a file that a crash left behind is removed");
                self.objects.remove(&path).await?;
            }
        }
        Ok(())
    }
}

fn list(
    manifest: &Manifest,
    lake: String,
    root: String,
    now: Time,
    wanted: impl Fn(&Table, &str) -> bool,
) -> List {
    let mut tables: Vec<Listed> = Vec::new();
    let mut before: Option<(&Table, &str)> = None;
    for (partition, files) in manifest.partitions() {
        let (table, tenant) = (&partition.table, partition.tenant.as_str());
        let is_hidden = Tenant::new(tenant).is_ok_and(|tenant| tenant.is_hidden());
        if is_hidden || !wanted(table, tenant) {
            continue;
        }
        if before != Some((table, tenant)) {
            tables.push(listed(table, tenant));
            before = Some((table, tenant));
        }
        if let Some(listed) = tables.last_mut() {
            listed.files.extend(files.iter().map(|entry| file(entry)));
        }
    }
    List {
        lake,
        root,
        version: manifest.version,
        written_at: now.to_string(),
        tables,
    }
}

fn listed(table: &Table, tenant: &str) -> Listed {
    let (word, period, name) = match table {
        Table::History => ("history", None, None),
        Table::Rolled(period) => ("rolled", Some(period_word(*period)), None),
        Table::Records(name) => ("records", None, Some(name.clone())),
    };
    Listed {
        table: word,
        period,
        name,
        tenant: tenant.to_owned(),
        files: Vec::new(),
    }
}

fn file(entry: &Entry) -> File {
    File {
        path: entry.path.clone(),
        class: entry.partition.class.clone(),
        day: crate::naming::date(entry.partition.day),
        rows: entry.rows,
        bytes: entry.bytes,
        first: entry.moments.0,
        last: entry.moments.1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stands_once_its_grace_is_over() {
        let state = State::default();
        assert_eq!(state.standing(Time(100)), None);
        state.published(4, Time(10));
        state.published(6, Time(20));
        assert_eq!(state.standing(Time(9)), None);
        assert_eq!(state.standing(Time(10)), Some(4));
        assert_eq!(state.standing(Time(25)), Some(6));
        assert_eq!(state.last(), Some((6, Time(20))));
    }
}

//! History: what the attributes of entities were, derived from the log [CIM-009 §4.5.6].
//!
//! New instances stand in a [tail] in memory. A seal writes the tail as an immutable
//! [segment], ordered by entity, series and moment; segments are [merged](merge) in the
//! background. A read joins segments and tail. What edits take out is marked by [graves](grave).
//!
//! Whatever a segment covers is not taken from the log again, so replay may begin anywhere before.
//! History may be given away in [parcels](hollow); a read then joins the [archive](archived) as one
//! source more. The head of an entity is what the entity itself says, but for the cases that [notes](head) hold.
//!
//! How the engine uses it:
//! - [`History::apply`] for every change, in order of seq, by one thread at a time;
//! - at a checkpoint [`History::seal`] first, then the checkpoint of the state, then the log may be
//!   recycled: a replay then always finds the entities as they were before each change that
//!   history still needs;
//! - after a seal, [`History::merge`] in the background while it says that there is more.

mod apply;
mod archived;
mod blob;
mod bytes;
mod chunk;
mod chunked;
mod erase;
mod footer;
mod grave;
mod head;
mod hollow;
mod merge;
mod names;
mod parcel;
mod read;
mod row;
mod seal;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod view;
mod window;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use base::{Name, Seq, Tenant};
use ngsi::Entity;
use parking_lot::{Mutex, RwLock};
use ports::Archive;

use self::head::Notes;
use self::names::Names;
use self::segment::Segment;
use self::tail::Tail;
use crate::Error;
use crate::files::Files;

/// An entity as it stands and its last change.
pub(crate) type Live<'a> = Option<(&'a Entity, Seq)>;

pub(crate) use self::apply::Sighting;
pub(crate) use self::parcel::Parts;

/// The history of all entities of all tenants.
#[derive(Debug)]
pub(crate) struct History {
    files: Arc<dyn Files>,
    dir: PathBuf,
    inner: RwLock<Inner>,
    /// Taken after `inner` where both are.
    names: Arc<RwLock<Names>>,
    /// Held while a tail is being sealed.
    sealing: Mutex<()>,
    /// Held while segments are being merged or hollowed.
    merging: Mutex<()>,
    /// Held shared while a batch is applied: a seal takes batches whole.
    whole: RwLock<()>,
    /// Where history goes that is given away.
    archive: OnceLock<Arc<dyn Archive>>,
    /// Whether history was ever given away, or will be.
    lends: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    /// From old to new.
    segments: Vec<Arc<Segment>>,
    /// What is being sealed, up to that change.
    frozen: Option<(Arc<Tail>, Seq)>,
    tail: Tail,
    notes: Notes,
    applied: Seq,
    covered: Seq,
    /// Texts of the dictionary that segments hold.
    sealed_names: u32,
    /// The change up to which every read of the archive has all.
    handed: Seq,
    /// How often segments have become hollow.
    given: u64,
    /// The change up to which parcels were taken: what is older is about to go.
    parcelled: Seq,
}

/// Tenant and entity as ordered bytes: a zero byte, which no tenant's name has, stands between.
fn owner_key(tenant: &Tenant, id: &str) -> Vec<u8> {
    [tenant.as_str().as_bytes(), &[0], id.as_bytes()].concat()
}

fn split_owner(owner: &[u8]) -> Option<(Tenant, Name)> {
    let (tenant, id) = std::str::from_utf8(owner).ok()?.split_once('\0')?;
    Some((Tenant::new(tenant).ok()?, id.into()))
}

impl History {
    /// Opens the history in a folder, which is made if it is not there.
    pub(crate) fn open(files: Arc<dyn Files>, dir: &Path) -> Result<Self, Error> {
        files.create_dir(dir).map_err(Error::io("create", dir))?;
        // The last life may have ended between a rename and the sync of the folder.
        files.sync_dir(dir).map_err(Error::io("sync", dir))?;
        let mut names = Names::default();
        let mut inner = Inner::default();
        for name in settled_files(&*files, dir)? {
            let path = dir.join(&name);
            let (segment, footer) = Segment::open(&*files, &path, &mut names)?;
            if segment.from != inner.covered.next() {
                let what = format!("history from change {} on is missing", inner.covered.next());
                return Err(Error::corrupt(&path, 0, what));
            }
            for (owner, note) in footer.notes {
                if let Some((tenant, id)) = split_owner(&owner) {
                    inner.notes.put(&tenant, &id, note);
                }
            }
            inner.covered = segment.to;
            inner.segments.push(Arc::new(segment));
        }
        inner.applied = inner.covered;
        inner.sealed_names = names.len();
        Ok(Self {
            files,
            dir: dir.to_owned(),
            inner: RwLock::new(inner),
            names: Arc::new(RwLock::new(names)),
            sealing: Mutex::new(()),
            merging: Mutex::new(()),
            whole: RwLock::new(()),
            archive: OnceLock::new(),
            lends: AtomicBool::new(false),
        })
    }

    /// The change up to which all is in segments: replay need not bring older ones.
    pub(crate) fn covered(&self) -> Seq {
        self.inner.read().covered
    }

    /// The change up to which history was given away, if any was.
    pub(crate) fn given_until(&self) -> Option<Seq> {
        let inner = self.inner.read();
        inner.segments.iter().rfind(|s| s.hollow).map(|s| s.to)
    }

    /// Held while a batch is applied, so that no seal takes half of it.
    pub(crate) fn applying(&self) -> impl Drop + '_ {
        self.whole.read()
    }

    /// About how many bytes the tail takes in memory; a seal frees them.
    pub(crate) fn tail_bytes(&self) -> usize {
        let inner = self.inner.read();
        inner.tail.bytes() + inner.frozen.as_ref().map_or(0, |(tail, _)| tail.bytes())
    }

    /// The tenants that have heads without entities.
    pub(crate) fn tenants(&self) -> std::collections::BTreeSet<Tenant> {
        self.inner.read().notes.tenants().cloned().collect()
    }
}

/// The segments of a folder that count, from old to new; what a crash left behind is removed.
fn settled_files(files: &dyn Files, dir: &Path) -> Result<Vec<String>, Error> {
    let mut kept: Vec<(String, (Seq, Seq))> = Vec::new();
    let mut rest = Vec::new();
    let mut found: Vec<(String, (Seq, Seq))> = Vec::new();
    for name in files.list(dir).map_err(Error::io("list", dir))? {
        match segment::range_of(&name) {
            Some(range) => found.push((name, range)),
            None if name.ends_with(segment::UNFINISHED) => rest.push(name),
            None => {}
        }
    }
    // A merged segment begins where its first part does and ends later.
    found.sort_by_key(|(_, (from, to))| (*from, std::cmp::Reverse(*to)));
    for (name, (from, to)) in found {
        match kept.last() {
            Some((_, (_, covered))) if to <= *covered => rest.push(name),
            _ => kept.push((name, (from, to))),
        }
    }
    for name in rest {
        let path = dir.join(name);
        files.remove(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(kept.into_iter().map(|(name, _)| name).collect())
}

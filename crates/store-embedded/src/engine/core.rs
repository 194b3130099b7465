//! What the log means: its batches applied to state, docs, history and cursors.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::HistoryEdit;
use parking_lot::{Mutex, RwLock};
use ports::{ARCHIVE_CURSOR, Change, Doc, EntityChange, Fact, Versioned};

use super::room::{Docs, Rooms};
use crate::error::Error;
use crate::history::{History, Sighting};
use crate::log::record::Logged;
use crate::state::Edit;

/// All that follows from the log.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) rooms: Rooms,
    pub(crate) cursors: RwLock<BTreeMap<Name, Seq>>,
    pub(crate) history: History,
    /// Held while a group is applied: who holds it sees every batch whole, head included.
    pub(crate) applying: Mutex<Applied>,
}

/// How far the log is applied.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Applied {
    pub(crate) head: Seq,
    /// When that was committed.
    pub(crate) time: Time,
}

/// Whether the state may be ahead of the log that is applied to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Never: the log is being written.
    Live,
    /// Up to this change: a checkpoint was taken while changes went on.
    Replay(Seq),
}

impl Mode {
    /// Whether the thing that stands at what `stands` says has seen the change already.
    fn has_seen(self, change: Seq, stands: impl FnOnce() -> Option<Seq>) -> bool {
        match self {
            Self::Replay(until) if change <= until => stands().is_some_and(|seq| seq >= change),
            Self::Replay(_) | Self::Live => false,
        }
    }
}

/// Batches of one tenant that are applied under one lock, in order.
#[derive(Debug)]
pub(crate) struct Step {
    tenant: Tenant,
    changes: Vec<Change>,
    /// For each batch: how many of the changes are its, and where its cursor goes.
    batches: Vec<(usize, Option<(Name, Seq)>)>,
    /// The entities before the changes, where history needs them.
    befores: Vec<Option<Versioned>>,
    /// Where the instances are that changes take out or replace.
    seen: Vec<(Seq, Sighting)>,
}

/// Changes after which a step is full, so that readers are let in between.
const STEP_CHANGES: usize = 1_000;

impl Step {
    /// A step of one batch, which begins at `first`.
    pub(crate) fn new(first: Seq, logged: Logged) -> Self {
        let (changes, batches, befores) = (Vec::new(), Vec::new(), Vec::new());
        let mut step = Self {
            tenant: logged.tenant.clone(),
            changes,
            batches,
            befores,
            seen: Vec::new(),
        };
        step.add(first, logged);
        step
    }

    fn add(&mut self, first: Seq, logged: Logged) {
        let Logged {
            tenant,
            time,
            cursor,
            facts,
            seen,
        } = logged;
        let seen = seen
            .into_iter()
            .map(|(place, seen)| (Seq(first.0 + place as u64), seen));
        self.seen.extend(seen);
        self.batches.push((facts.len(), cursor));
        let changes = facts.into_iter().zip(first.0..);
        self.changes.extend(changes.map(|(fact, seq)| Change {
            seq: Seq(seq),
            tenant: tenant.clone(),
            time,
            fact,
        }));
    }

    /// Adds a batch if it is of the same tenant and the step is not full; else gives it back as a
    /// step of its own.
    pub(crate) fn extend(&mut self, first: Seq, logged: Logged) -> Option<Self> {
        if logged.tenant != self.tenant || self.changes.len() >= STEP_CHANGES {
            return Some(Self::new(first, logged));
        }
        self.add(first, logged);
        None
    }

    /// The changes, batch by batch.
    fn into_batches(self) -> impl Iterator<Item = Arc<[Change]>> {
        let mut changes = self.changes.into_iter();
        self.batches
            .into_iter()
            .map(move |(count, _)| changes.by_ref().take(count).collect())
    }
}

impl Core {
    /// Applies batches that are durable and gives their changes. Only ever called by one thread,
    /// in order.
    pub(crate) fn apply(
        &self,
        batches: impl IntoIterator<Item = (Seq, Logged)>,
        mode: Mode,
    ) -> Result<Vec<Arc<[Change]>>, Error> {
        let mut done = Vec::new();
        let mut step: Option<Step> = None;
        for (first, logged) in batches {
            let next = match &mut step {
                None => Some(Step::new(first, logged)),
                Some(step) => step.extend(first, logged),
            };
            if let Some(next) = next
                && let Some(full) = step.replace(next)
            {
                done.extend(self.apply_step(full, mode)?);
            }
        }
        if let Some(last) = step {
            done.extend(self.apply_step(last, mode)?);
        }
        Ok(done)
    }

    fn apply_step(
        &self,
        mut step: Step,
        mode: Mode,
    ) -> Result<impl Iterator<Item = Arc<[Change]>>, Error> {
        self.apply_to_state(&mut step, mode)?;
        self.apply_to_history(&step)?;
        Ok(step.into_batches())
    }

    /// Applies a step to state and docs.
    pub(crate) fn apply_to_state(&self, step: &mut Step, mode: Mode) -> Result<(), Error> {
        if step.changes.is_empty() {
            return Ok(());
        }
        let room = self.rooms.of(&step.tenant);
        let mut world = room.world.write();
        let mut edit = world.edit(step.changes.iter().filter_map(entity_of));
        let mut docs = room.docs.write();
        for change in &step.changes {
            step.befores.push(self.before(&edit, change)?);
            apply_change(&mut edit, &mut docs, change, mode)?;
        }
        Ok(())
    }

    /// Applies to history and cursors a step that was applied to the state.
    pub(crate) fn apply_to_history(&self, step: &Step) -> Result<(), Error> {
        let _whole = self.history.applying();
        for (change, before) in step.changes.iter().zip(&step.befores) {
            let before = before.as_ref().map(|found| (&*found.entity, found.seq));
            let seen = step.seen.iter().find(|(seq, _)| *seq == change.seq);
            self.history
                .apply(change, before, seen.map(|(_, seen)| seen))?;
        }
        for (name, seq) in step
            .batches
            .iter()
            .filter_map(|(_, cursor)| cursor.as_ref())
        {
            self.moved(name, *seq);
        }
        Ok(())
    }

    /// A cursor stands there now.
    pub(crate) fn moved(&self, name: &Name, seq: Seq) {
        if *name == *ARCHIVE_CURSOR {
            self.history.lend();
        }
        self.cursors.write().insert(name.clone(), seq);
    }

    /// The entity before a change, where history needs it.
    fn before(&self, world: &Edit<'_>, change: &Change) -> Result<Option<Versioned>, Error> {
        let id = match &change.fact {
            Fact::Entity {
                change: EntityChange::Patch { .. },
                ..
            }
            | Fact::Doc { .. } => {
                return Ok(None);
            }
            Fact::History {
                id,
                edit: HistoryEdit::Add { .. },
            }
            | Fact::Entity { id, .. } => id,
            Fact::History { .. } => return Ok(None),
        };
        if self.history.covered() >= change.seq {
            return Ok(None);
        }
        world.get(id).map_err(|_damaged| Error::Damaged(id.clone()))
    }
}

/// The entity that a change is of.
fn entity_of(change: &Change) -> Option<&str> {
    match &change.fact {
        Fact::Entity { id, .. } => Some(id),
        Fact::History { .. } | Fact::Doc { .. } => None,
    }
}

fn apply_change(
    world: &mut Edit<'_>,
    docs: &mut Docs,
    change: &Change,
    mode: Mode,
) -> Result<(), Error> {
    match &change.fact {
        Fact::Entity {
            id, change: what, ..
        } => {
            if mode.has_seen(change.seq, || world.seq(id)) {
                return Ok(());
            }
            apply_to_entity(world, id, what, change.seq, mode)
        }
        Fact::History { .. } => Ok(()),
        Fact::Doc { kind, id, body } => {
            let family = docs.entry(kind.clone()).or_default();
            if mode.has_seen(change.seq, || Some(family.get(id)?.seq)) {
                return Ok(());
            }
            match body {
                Some(body) => {
                    let (kind, body) = (kind.clone(), Arc::clone(body));
                    let doc = Doc {
                        kind,
                        id: id.clone(),
                        body,
                        seq: change.seq,
                    };
                    family.insert(id.clone(), doc);
                }
                None => drop(family.remove(id)),
            }
            Ok(())
        }
    }
}

fn apply_to_entity(
    world: &mut Edit<'_>,
    id: &Name,
    what: &EntityChange,
    seq: Seq,
    mode: Mode,
) -> Result<(), Error> {
    let done = match what {
        EntityChange::Put(entity) => world.put(entity, seq),
        EntityChange::Patch { delta, .. } => match (world.patch(id, delta, seq), mode) {
            // It was deleted later, before the checkpoint came to it.
            (Ok(false), Mode::Replay(until)) if seq <= until => Ok(()),
            (Ok(false), _) => {
                return Err(Error::Orphan {
                    id: id.clone(),
                    seq,
                });
            }
            (done, _) => done.map(drop),
        },
        EntityChange::Delete { .. } => world.remove(id).map(drop),
    };
    done.map_err(|_damaged| Error::Damaged(id.clone()))
}

//! What the log means: its batches applied to state, docs, history and cursors.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Name, Seq, Time};
use ngsi::Entity;
use ngsi::temporal::HistoryEdit;
use parking_lot::{Mutex, RwLock};
use ports::{Change, Doc, EntityChange, Fact, Versioned};

use super::room::{Docs, Rooms};
use crate::error::Error;
use crate::history::History;
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

impl Core {
    /// Applies a batch that is durable and gives its changes, as the log has them. Only ever
    /// called by one thread, in order.
    pub(crate) fn apply(
        &self,
        first: Seq,
        logged: Logged,
        mode: Mode,
    ) -> Result<Arc<[Change]>, Error> {
        let Logged {
            tenant,
            time,
            cursor,
            facts,
        } = logged;
        let changes = facts.into_iter().zip(first.0..).map(|(fact, seq)| Change {
            seq: Seq(seq),
            tenant: tenant.clone(),
            time,
            fact,
        });
        let mut changes: Vec<Change> = changes.collect();
        if !changes.is_empty() {
            let room = self.rooms.of(&tenant);
            let mut befores = Vec::with_capacity(changes.len());
            {
                let mut world = room.world.write();
                let mut edit = world.edit(changes.iter().filter_map(entity_of));
                let mut docs = room.docs.write();
                for change in &changes {
                    befores.push(self.before(&edit, change)?);
                    apply_to_state(&mut edit, &mut docs, change, mode)?;
                }
            }
            for (change, before) in changes.iter().zip(&befores) {
                let before = before.as_ref().map(|found| (&*found.entity, found.seq));
                self.history.apply(change, before)?;
            }
        }
        if let Some((name, seq)) = cursor {
            self.cursors.write().insert(name, seq);
        }
        changes.iter_mut().for_each(forget_result);
        Ok(changes.into())
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

/// What a change in the log does not say.
fn forget_result(change: &mut Change) {
    if let Fact::Entity {
        change: EntityChange::Patch { after, .. },
        ..
    } = &mut change.fact
    {
        *after = None;
    }
}

fn apply_to_state(
    world: &mut Edit<'_>,
    docs: &mut Docs,
    change: &Change,
    mode: Mode,
) -> Result<(), Error> {
    match &change.fact {
        Fact::Entity { id, change: what } => {
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
    let put = |world: &mut Edit<'_>, entity: &Entity| world.put(entity, seq);
    let done = match what {
        EntityChange::Put(entity) => put(world, entity),
        EntityChange::Patch {
            after: Some(after), ..
        } => put(world, after),
        EntityChange::Patch { delta, after: None } => match (world.patch(id, delta, seq), mode) {
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

//! What happened to one entity, read from a change of the log.

use std::sync::Arc;

use base::{Name, Seq, Time};
use ngsi::{Attribute, AttributeKey, AttributeValue, Delta, Entity};
use ports::{Around, Change, EntityChange, Fact};

/// What happened to one entity.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    /// Its place in the log.
    pub(crate) seq: Seq,
    /// When.
    pub(crate) time: Time,
    /// To which entity.
    pub(crate) id: Name,
    /// What.
    pub(crate) what: What,
    /// The entity before, if it was there and that is remembered.
    pub(crate) before: Option<Arc<Entity>>,
    /// The entity after; `None`: it is gone.
    pub(crate) after: Option<Arc<Entity>>,
    /// What happened to which of its attribute instances.
    pub(crate) attributes: Vec<(AttributeKey, Turn)>,
    /// Whether its types, scopes or end changed.
    pub(crate) is_beyond_attributes: bool,
}

/// What happened to an entity as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// It was made.
    Created,
    /// It changed.
    Changed,
    /// It was deleted; these were its types.
    Deleted(Vec<Name>),
}

/// What happened to an attribute instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It was made.
    Created,
    /// It was written.
    Updated,
    /// It was deleted.
    Deleted,
}

impl Happening {
    /// Whether the entity's current state is needed to read the change, because what was around
    /// it is not remembered.
    pub(crate) fn needs_current(change: &Change) -> bool {
        matches!(
            &change.fact,
            Fact::Entity { change: EntityChange::Patch { .. }, around, .. } if around.after.is_none()
        )
    }

    /// Reads a change; `current` is the entity's current state where that is needed. `None`: it
    /// says nothing of an entity that is still there to tell of.
    ///
    /// Limit: of an entity that changed before a restart and was deleted since, the deletion alone
    /// is told; and of what changed before a restart, the entity's state after it is told, without
    /// what was before.
    pub(crate) fn read(change: &Change, current: Option<Arc<Entity>>) -> Option<Self> {
        let Fact::Entity {
            id,
            change: what,
            around,
        } = &change.fact
        else {
            return None;
        };
        let happening = Self {
            seq: change.seq,
            time: change.time,
            id: id.clone(),
            what: What::Changed,
            before: around.before.clone(),
            after: None,
            attributes: Vec::new(),
            is_beyond_attributes: false,
        };
        Some(match what {
            EntityChange::Put(entity) => happening.put(entity, around),
            EntityChange::Patch { delta } => {
                let after = around.after.clone().or(current)?;
                happening.patched(delta, after)
            }
            EntityChange::Delete { types, .. } => happening.deleted(types),
        })
    }

    /// That an entity of another source is gone.
    pub(crate) fn heard_gone(entity: &Arc<Entity>, at: Time) -> Self {
        Self {
            seq: Seq::ZERO,
            time: at,
            id: entity.id.clone(),
            what: What::Deleted(entity.types.clone()),
            before: Some(Arc::clone(entity)),
            after: None,
            attributes: Vec::new(),
            is_beyond_attributes: false,
        }
    }

    fn put(mut self, entity: &Arc<Entity>, around: &Around) -> Self {
        let time = self.time;
        self.after = Some(Arc::clone(entity));
        // An entity that had expired was not there any more.
        self.before = self.before.filter(|before| !before.is_expired(time));
        if let Some(before) = self.before.clone() {
            let delta = Delta::between(&before, entity);
            return self.patched(&delta, Arc::clone(entity));
        }
        let is_remembered = around.after.is_some();
        let is_new = |created_at: Time| is_remembered || created_at == time;
        if is_new(entity.created_at) {
            self.what = What::Created;
        }
        let turn = |a: &Attribute| {
            let turn = if is_new(a.created_at) {
                Turn::Created
            } else {
                Turn::Updated
            };
            (a.key(), turn)
        };
        let changed = |a: &&Attribute| is_new(a.created_at) || a.modified_at == time;
        self.attributes = entity.attributes.iter().filter(changed).map(turn).collect();
        self
    }

    fn patched(mut self, delta: &Delta, after: Arc<Entity>) -> Self {
        let was = |a: &Attribute| match &self.before {
            Some(before) => before.attribute(&a.name, a.dataset_id.as_deref()).is_some(),
            None => a.created_at != self.time,
        };
        let set = delta.set.iter().map(|a| {
            let turn = if was(a) { Turn::Updated } else { Turn::Created };
            (a.key(), turn)
        });
        let removed = delta.remove.iter().map(|key| (key.clone(), Turn::Deleted));
        self.attributes = set.chain(removed).collect();
        self.is_beyond_attributes =
            delta.types.is_some() || delta.scope.is_some() || delta.expires_at.is_some();
        self.after = Some(after);
        self
    }

    fn deleted(mut self, types: &[Name]) -> Self {
        if let Some(before) = &self.before {
            let each = before.attributes.iter();
            self.attributes = each.map(|a| (a.key(), Turn::Deleted)).collect();
        }
        self.what = What::Deleted(types.to_vec());
        self
    }

    /// The types by which it concerns somebody.
    pub(crate) fn types(&self) -> &[Name] {
        match (&self.what, &self.before, &self.after) {
            (_, _, Some(entity)) | (What::Deleted(_), Some(entity), None) => &entity.types,
            (What::Deleted(types), None, None) => types,
            _ => &[],
        }
    }

    /// Whether the entity was deleted, and what it was is not remembered.
    pub(crate) fn is_forgotten(&self) -> bool {
        matches!(self.what, What::Deleted(_)) && self.before.is_none()
    }

    /// When the entity was deleted, if it was.
    pub(crate) fn deleted_at(&self) -> Option<Time> {
        matches!(self.what, What::Deleted(_)).then_some(self.time)
    }

    /// The attribute instances that were deleted, as they were last. Of one that is not remembered
    /// there is the name alone.
    pub(crate) fn gone(&self) -> Vec<Attribute> {
        let deleted = self.attributes.iter().filter(|(_, t)| *t == Turn::Deleted);
        let last = deleted.map(|(key, _)| {
            let found = self.before.as_ref();
            let found = found.and_then(|b| b.attribute(&key.name, key.dataset_id.as_deref()));
            found.cloned().unwrap_or_else(|| Attribute {
                dataset_id: key.dataset_id.clone(),
                ..Attribute::new(key.name.clone(), AttributeValue::Null)
            })
        });
        last.collect()
    }

    /// The entity as it is, or as it was last; of one that is not remembered id and types alone.
    pub(crate) fn entity(&self) -> Arc<Entity> {
        let known = self.after.as_ref().or(self.before.as_ref());
        let bare = || {
            Arc::new(Entity {
                id: self.id.clone(),
                types: self.types().to_vec(),
                scope: Vec::new(),
                created_at: self.time,
                modified_at: self.time,
                expires_at: None,
                attributes: Vec::new(),
            })
        };
        known.map_or_else(bare, Arc::clone)
    }
}

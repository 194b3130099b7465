//! Deltas: what changed of an entity, from one state to the next. The log is made of them.

use std::collections::HashSet;

use base::{Name, Time};

use crate::entity::{Attribute, AttributeKey, Entity, Places};

/// The difference between two states of one entity.
/// Law: `Delta::between(a, b).apply(a) == b` up to the order of attributes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delta {
    /// The entity's new `modifiedAt`.
    pub modified_at: Time,
    /// The new types, if they changed.
    pub types: Option<Vec<Name>>,
    /// The new scopes, if they changed; empty: none any more.
    pub scope: Option<Vec<Name>>,
    /// The new end, if it changed; `Some(None)`: no end any more.
    #[expect(
        clippy::option_option,
        reason = "unsaid and said to be none are two things"
    )]
    pub expires_at: Option<Option<Time>>,
    /// Attribute instances that are new or were written, whole.
    pub set: Vec<Attribute>,
    /// Attribute instances that are gone.
    pub remove: Vec<AttributeKey>,
}

impl Delta {
    /// What leads from `before` to `after`.
    /// An attribute written again with the same value counts as set: its `modifiedAt` moved.
    pub fn between(before: &Entity, after: &Entity) -> Self {
        let (before_all, after_all) = (&before.attributes, &after.attributes);
        let was = Places::of(before_all, after_all.len());
        let is = Places::of(after_all, before_all.len());
        let old = |a: &Attribute| was.find(before_all, a).and_then(|at| before_all.get(at));
        let set = after_all.iter().filter(|a| old(a) != Some(*a));
        let remove = before_all
            .iter()
            .filter(|a| is.find(after_all, a).is_none());
        let (set, remove) = (set.cloned().collect(), remove.map(Attribute::key).collect());
        Self {
            modified_at: after.modified_at,
            types: (before.types != after.types).then(|| after.types.clone()),
            scope: (before.scope != after.scope).then(|| after.scope.clone()),
            expires_at: (before.expires_at != after.expires_at).then_some(after.expires_at),
            set,
            remove,
        }
    }

    /// Whether nothing changed but perhaps `modifiedAt`.
    pub fn is_empty(&self) -> bool {
        self.types.is_none()
            && self.scope.is_none()
            && self.expires_at.is_none()
            && self.set.is_empty()
            && self.remove.is_empty()
    }

    /// Leads `entity` to the next state.
    pub fn apply(&self, entity: &mut Entity) {
        entity.modified_at = self.modified_at;
        if let Some(types) = &self.types {
            entity.types.clone_from(types);
        }
        if let Some(scope) = &self.scope {
            entity.scope.clone_from(scope);
        }
        if let Some(expires_at) = self.expires_at {
            entity.expires_at = expires_at;
        }
        if !self.remove.is_empty() {
            let gone: HashSet<&AttributeKey> = self.remove.iter().collect();
            entity.attributes.retain(|a| !gone.contains(&a.key()));
        }
        let mut places = Places::of(&entity.attributes, self.set.len());
        for new in &self.set {
            match places.find(&entity.attributes, new) {
                Some(at) => entity.attributes[at] = new.clone(),
                None => places.push(&mut entity.attributes, new.clone()),
            }
        }
    }
}

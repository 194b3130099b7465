//! Heads that cannot be read off the entity: of entities that are gone or never were, of evolutions
//! that an edit gave more types, and of those that were taken out.
//!
//! Every other head is what the entity itself says, so it costs nothing here. A note counts as long
//! as the entity has not changed since.
//!
//! Limit: the heads of deleted entities stay in memory, about 300 bytes each.

use std::collections::BTreeMap;
use std::ops::Bound;

use base::{Name, Seq, Tenant, Time};
use ngsi::Entity;
use ngsi::temporal::Head;

use super::bytes::{Input, put, put_bytes, put_signed};
use super::names::Names;

/// What is known of a head beside its entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    /// The change that said it.
    pub(super) at: Seq,
    /// The head; `None`: there is none.
    pub(super) head: Option<Head>,
}

const HAS_HEAD: u8 = 1;
const HAS_DELETED: u8 = 2;
const HAS_EXPIRES: u8 = 4;

impl Note {
    pub(super) fn encode(&self, names: &Names, out: &mut Vec<u8>) {
        put(out, self.at.0);
        let Some(head) = &self.head else {
            return out.push(0);
        };
        let deleted = if head.deleted_at.is_some() {
            HAS_DELETED
        } else {
            0
        };
        let expires = if head.expires_at.is_some() {
            HAS_EXPIRES
        } else {
            0
        };
        out.push(HAS_HEAD | deleted | expires);
        put(out, head.types.len() as u64);
        for name in &head.types {
            put(out, names.known(name).unwrap_or_default().into());
        }
        put(out, head.scope.len() as u64);
        for scope in &head.scope {
            put_bytes(out, scope.as_bytes());
        }
        put_signed(out, head.created_at.0);
        put_signed(out, head.modified_at.0);
        for time in [head.deleted_at, head.expires_at].into_iter().flatten() {
            put_signed(out, time.0);
        }
    }

    pub(super) fn decode(input: &mut Input<'_>, id: &str, names: &Names) -> Option<Self> {
        let at = Seq(input.number()?);
        let flags = input.byte()?;
        if flags & HAS_HEAD == 0 {
            return Some(Self { at, head: None });
        }
        let types = input.count()?;
        let types: Option<Vec<Name>> = (0..types)
            .map(|_| names.text(input.small()?).cloned())
            .collect();
        let scope = input.count()?;
        let scope: Option<Vec<Name>> = (0..scope).map(|_| input.text().map(Name::from)).collect();
        let mut head = Head {
            id: id.into(),
            types: types?,
            scope: scope?,
            created_at: Time(input.signed()?),
            modified_at: Time(input.signed()?),
            deleted_at: None,
            expires_at: None,
        };
        if flags & HAS_DELETED != 0 {
            head.deleted_at = Some(Time(input.signed()?));
        }
        if flags & HAS_EXPIRES != 0 {
            head.expires_at = Some(Time(input.signed()?));
        }
        Some(Self {
            at,
            head: Some(head),
        })
    }
}

/// The head that an entity itself gives.
pub(super) fn of(entity: &Entity) -> Head {
    Head {
        id: entity.id.clone(),
        types: entity.types.clone(),
        scope: entity.scope.clone(),
        created_at: entity.created_at,
        modified_at: entity.modified_at,
        deleted_at: None,
        expires_at: entity.expires_at,
    }
}

/// The notes of all tenants.
#[derive(Debug, Default)]
pub(super) struct Notes {
    tenants: BTreeMap<Tenant, BTreeMap<Name, Note>>,
}

impl Notes {
    /// Takes a note, unless a later one is there.
    pub(super) fn put(&mut self, tenant: &Tenant, id: &Name, note: Note) {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.clone(), BTreeMap::new());
        }
        let Some(notes) = self.tenants.get_mut(tenant) else {
            return;
        };
        if notes.get(id).is_none_or(|old| old.at <= note.at) {
            notes.insert(id.clone(), note);
        }
    }

    /// Forgets the note of an entity that is whole again.
    pub(super) fn forget(&mut self, tenant: &Tenant, id: &str) {
        if let Some(notes) = self.tenants.get_mut(tenant) {
            notes.remove(id);
        }
    }

    /// Forgets the note of an entity that a change before this one left.
    pub(super) fn forget_before(&mut self, tenant: &Tenant, id: &str, before: Seq) {
        if let Some(notes) = self.tenants.get_mut(tenant)
            && notes.get(id).is_some_and(|note| note.at < before)
        {
            notes.remove(id);
        }
    }

    /// The head of an entity, `live` being it and its last change.
    pub(super) fn head(
        &self,
        tenant: &Tenant,
        id: &str,
        live: Option<(&Entity, Seq)>,
    ) -> Option<Head> {
        let note = self.tenants.get(tenant).and_then(|notes| notes.get(id));
        match (note, live) {
            (Some(note), Some((_, seq))) if note.at > seq => note.head.clone(),
            (Some(note), None) => note.head.clone(),
            (_, live) => live.map(|(entity, _)| of(entity)),
        }
    }

    /// The notes of a tenant after an id, in order.
    pub(super) fn after(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&Name, &Note)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let notes = self.tenants.get(tenant);
        notes
            .into_iter()
            .flat_map(move |notes| notes.range::<str, _>((from, Bound::Unbounded)))
    }

    /// The tenants that have notes.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_read_back() {
        let mut names = Names::default();
        names.number(&"T".into());
        let head = Head {
            id: "a".into(),
            types: vec!["T".into()],
            scope: vec!["/x".into()],
            created_at: Time(1),
            modified_at: Time(-2),
            deleted_at: Some(Time(3)),
            expires_at: Some(Time(4)),
        };
        for head in [None, Some(head)] {
            let note = Note { at: Seq(9), head };
            let mut bytes = Vec::new();
            note.encode(&names, &mut bytes);
            assert_eq!(Note::decode(&mut Input(&bytes), "a", &names), Some(note));
        }
    }
}

//! The world of one tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Name, Seq};
use ngsi::{AttributeKind, Entity};
use ports::{
    Act, Census, Change, Doc, EntityChange, Expect, Fact, StoreError, TypeCensus, Versioned,
};

use crate::history::History;

/// Entities of a type and the attributes they have.
type Tally<'w> = (u64, BTreeMap<(&'w Name, AttributeKind), u64>);

/// What one tenant has.
#[derive(Debug, Default, Clone)]
pub(crate) struct World {
    pub(crate) entities: BTreeMap<Name, Versioned>,
    pub(crate) histories: BTreeMap<Name, History>,
    pub(crate) docs: BTreeMap<Name, BTreeMap<Name, Doc>>,
    /// The last change of each thing that was ever there, entities by (`None`, id).
    touched: BTreeMap<(Option<Name>, Name), Seq>,
}

impl World {
    /// Whether the expectation of the act holds; `before` is the last change before its batch.
    pub(crate) fn check(&self, act: &Act, before: Seq) -> Result<(), StoreError> {
        let (key, stands, expect) = match act {
            Act::Entity { id, expect, .. } => (
                (None, id.clone()),
                self.entities.get(id).map(|found| found.seq),
                expect,
            ),
            Act::Doc {
                kind, id, expect, ..
            } => {
                let doc = self.docs.get(kind).and_then(|family| family.get(id));
                (
                    (Some(kind.clone()), id.clone()),
                    doc.map(|doc| doc.seq),
                    expect,
                )
            }
            Act::History { .. } => return Ok(()),
        };
        let within_batch = self.touched.get(&key).is_some_and(|seq| *seq > before);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => stands.is_none(),
            Expect::At(seq) => stands == Some(*seq) || within_batch,
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::Conflict { id: key.1 })
        }
    }

    /// Makes the change true.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        match &change.fact {
            Fact::Entity {
                id, change: what, ..
            } => {
                self.touched.insert((None, id.clone()), change.seq);
                let before = self.entities.remove(id).map(|found| found.entity);
                let after = after(id, before.as_deref(), what)?;
                let history = self.histories.entry(id.clone()).or_default();
                history.follow(change.seq, id, what, before.as_deref(), after.as_deref());
                if let Some(entity) = after {
                    self.entities.insert(
                        id.clone(),
                        Versioned {
                            entity,
                            seq: change.seq,
                        },
                    );
                }
            }
            Fact::History { id, edit } => {
                self.histories
                    .entry(id.clone())
                    .or_default()
                    .edit(change, id, edit);
            }
            Fact::Doc { kind, id, body } => {
                self.touched
                    .insert((Some(kind.clone()), id.clone()), change.seq);
                let family = self.docs.entry(kind.clone()).or_default();
                family.remove(id);
                if let Some(body) = body {
                    let body = Arc::clone(body);
                    let doc = Doc {
                        kind: kind.clone(),
                        id: id.clone(),
                        body,
                        seq: change.seq,
                    };
                    family.insert(id.clone(), doc);
                }
            }
        }
        Ok(())
    }

    /// Counts types and attributes.
    pub(crate) fn census(&self) -> Census {
        let mut types: BTreeMap<&Name, Tally<'_>> = BTreeMap::new();
        for found in self.entities.values() {
            for name in &found.entity.types {
                let (entities, attributes) = types.entry(name).or_default();
                *entities += 1;
                for attribute in &found.entity.attributes {
                    if let Some(kind) = attribute.value.kind() {
                        *attributes.entry((&attribute.name, kind)).or_default() += 1;
                    }
                }
            }
        }
        let types = types
            .into_iter()
            .map(|(name, (entities, attributes))| TypeCensus {
                name: name.clone(),
                entities,
                attributes: attributes
                    .into_iter()
                    .map(|((name, kind), count)| (name.clone(), kind, count))
                    .collect(),
            });
        Census {
            types: types.collect(),
        }
    }
}

/// The entity after a change; a patch of what is not there is a conflict.
fn after(
    id: &Name,
    before: Option<&Entity>,
    change: &EntityChange,
) -> Result<Option<Arc<Entity>>, StoreError> {
    match (change, before) {
        (EntityChange::Put(entity), _) => Ok(Some(Arc::clone(entity))),
        (EntityChange::Delete { .. }, _) => Ok(None),
        (EntityChange::Patch { .. }, None) => Err(StoreError::Conflict { id: id.clone() }),
        (EntityChange::Patch { delta, .. }, Some(before)) => {
            let mut entity = before.clone();
            delta.apply(&mut entity);
            Ok(Some(Arc::new(entity)))
        }
    }
}

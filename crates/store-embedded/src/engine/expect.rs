//! Whether what a batch expects holds: of the state, and of the batches of the same group that
//! will be true before it.

use base::{Name, Seq, Tenant};
use hashbrown::HashMap;
use ports::{Act, Batch, EntityChange, Expect, StoreError};

use super::core::Core;

/// A thing that batches expect something of: an entity has no kind.
type Thing = (Tenant, Option<Name>, Name);

/// What the batches of a group leave behind: at which change each thing stands, if it is there.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    left: HashMap<Thing, Option<Seq>, foldhash::fast::RandomState>,
}

impl Expectations {
    /// Forgets the group.
    pub(super) fn clear(&mut self) {
        self.left.clear();
    }

    /// Checks a batch whose first change will be `first`, and remembers what it leaves behind.
    /// When it is refused, nothing of it is remembered.
    pub(super) fn check(
        &mut self,
        core: &Core,
        batch: &Batch,
        first: Seq,
    ) -> Result<(), StoreError> {
        let room = core.rooms.get(&batch.tenant);
        let world = room.as_ref().map(|room| room.world.read());
        let docs = room.as_ref().map(|room| room.docs.read());
        let mut within: HashMap<Thing, Option<Seq>, _> =
            HashMap::with_hasher(foldhash::fast::RandomState::default());
        for (act, seq) in batch.acts.iter().zip(first.0..) {
            let (kind, id, expect) = match act {
                Act::Entity { id, expect, .. } => (None, id, *expect),
                Act::Doc {
                    kind, id, expect, ..
                } => (Some(kind), id, *expect),
                Act::History { .. } => continue,
            };
            let thing = (batch.tenant.clone(), kind.cloned(), id.clone());
            let touched = within.get(&thing).copied();
            let stands = touched
                .or_else(|| self.left.get(&thing).copied())
                .unwrap_or_else(|| match kind {
                    None => world.as_ref().and_then(|world| world.seq(id)),
                    Some(kind) => docs
                        .as_ref()
                        .and_then(|docs| Some(docs.get(kind)?.get(id)?.seq)),
                });
            let holds = match expect {
                Expect::Any => true,
                Expect::Absent => stands.is_none(),
                Expect::At(seq) => touched.is_some() || stands == Some(seq),
            };
            if !holds || (stands.is_none() && is_patch(act)) {
                return Err(StoreError::Conflict { id: id.clone() });
            }
            within.insert(thing, leaves(act).then_some(Seq(seq)));
        }
        self.left.extend(within);
        Ok(())
    }
}

fn is_patch(act: &Act) -> bool {
    matches!(
        act,
        Act::Entity {
            change: EntityChange::Patch { .. },
            ..
        }
    )
}

/// Whether the thing is there after the act.
fn leaves(act: &Act) -> bool {
    !matches!(
        act,
        Act::Entity {
            change: EntityChange::Delete { .. },
            ..
        } | Act::Doc { body: None, .. }
    )
}

//! Short ways to write batches.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::temporal::HistoryEdit;
use ngsi::{Delta, Entity};
use ports::{Act, Around, Batch, EntityChange, Expect};
use serde_json::Value;

/// A batch without a cursor.
pub fn batch(tenant: &Tenant, time: Time, acts: Vec<Act>) -> Batch {
    Batch {
        tenant: tenant.clone(),
        time,
        acts,
        cursor: None,
    }
}

/// Puts an entity.
pub fn put(entity: Entity, expect: Expect) -> Act {
    let id = entity.id.clone();
    Act::Entity {
        id,
        expect,
        change: EntityChange::Put(Arc::new(entity)),
        around: Around::default(),
    }
}

/// Leads an entity from one state to the next.
pub fn patch(before: &Entity, after: Entity, expect: Expect) -> Act {
    let delta = Delta::between(before, &after);
    let id = after.id.clone();
    Act::Entity {
        id,
        expect,
        change: EntityChange::Patch { delta },
        around: Around {
            before: Some(Arc::new(before.clone())),
            after: Some(Arc::new(after)),
        },
    }
}

/// Deletes an entity.
pub fn delete(entity: &Entity, at: Time, expect: Expect) -> Act {
    let change = EntityChange::Delete {
        at,
        types: entity.types.clone(),
    };
    Act::Entity {
        id: entity.id.clone(),
        expect,
        change,
        around: Around::default(),
    }
}

/// Writes a doc or takes it out.
pub fn doc(kind: &str, id: &str, expect: Expect, body: Option<Value>) -> Act {
    Act::Doc {
        kind: kind.into(),
        id: id.into(),
        expect,
        body: body.map(Arc::new),
    }
}

/// Edits history.
pub(crate) fn edit(id: &Name, edit: HistoryEdit) -> Act {
    Act::History {
        id: id.clone(),
        edit,
    }
}

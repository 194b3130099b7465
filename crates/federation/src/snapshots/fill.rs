//! Filling a snapshot: its questions are asked here and elsewhere, and what comes is frozen
//! [CIM-009 §5.16.1.4].

use std::sync::Arc;

use base::Name;
use broker::BrokerError;
use broker::reads::Page;
use ngsi::Entity;
use ports::StoreError;
use serde_json::{Value, json};
use trust::Call;

use super::{
    BYTES_IN_ALL_MAX, BYTES_MAX, ENTITIES_MAX, Entities, Frozen, Snapshot, Snapshots, Status, world,
};
use crate::Gateway;
use crate::forward::Route;

/// Microseconds that the questions of a snapshot may take together.
const FILL_MICROS_MAX: i64 = 120_000_000;
/// Entities asked for at once, of this node alone.
const PAGE: usize = 1_000;

/// How a filling went.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) entities: usize,
    pub(super) bytes: usize,
    /// How each question went [CIM-009 §5.2.42].
    pub(super) details: Vec<Value>,
    went: Vec<Status>,
}

impl Filled {
    /// How the whole went.
    pub(super) fn status(&self) -> Status {
        let all = |status| self.went.iter().all(|one| *one == status);
        if all(Status::Failure) {
            Status::Failure
        } else if self
            .went
            .iter()
            .any(|s| matches!(s, Status::Failure | Status::Partial))
        {
            Status::Partial
        } else if self.entities == 0 {
            Status::Empty
        } else if self.went.contains(&Status::Empty) {
            // Some questions brought something, others did not.
            Status::Partial
        } else {
            Status::Success
        }
    }

    fn went(&mut self, result: Result<Status, Refused>) {
        match result {
            Ok(status) => {
                self.went.push(status);
                self.details.push(json!({ "resultStatus": status.word() }));
            }
            Err(refused) => {
                self.went.push(Status::Failure);
                self.details.push(json!({
                    "resultStatus": Status::Failure.word(),
                    "problemDetails": { "title": refused.to_string() },
                }));
            }
        }
    }
}

/// Why a question brought nothing.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a snapshot holds at most {ENTITIES_MAX} entities and 256 MiB: ask for less")]
    TooMuch,
    #[error("all snapshots of the node hold at most 1 GiB: delete some")]
    NodeFull,
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Snapshots {
    pub(super) async fn fill(
        &self,
        (gateway, call, route): (&Gateway, &Call, &Route),
        snapshot: &Snapshot,
        questions: Vec<Frozen>,
    ) -> Filled {
        let mut filled = Filled::default();
        let mut entities = Entities::new();
        let call = Call {
            deadline: self.now().plus_micros(FILL_MICROS_MAX),
            ..call.clone()
        };
        for frozen in &questions {
            let route = Route {
                explain: Arc::default(),
                ..route.clone()
            };
            let asked = Asked {
                gateway,
                call: &call,
                route: &route,
            };
            filled.went(asked.collect(frozen, &mut entities).await);
        }
        self.keep(snapshot, entities, filled).await
    }

    /// Copies all that another snapshot holds.
    pub(super) async fn fill_from(&self, from: &Snapshot, snapshot: &Snapshot) -> Filled {
        let mut filled = Filled {
            entities: from.said().entities,
            bytes: from.said().bytes,
            details: from.said().details,
            went: Vec::new(),
        };
        let copied = async {
            if self.bytes_in_all().saturating_add(filled.bytes) > BYTES_IN_ALL_MAX {
                return Err(Refused::NodeFull);
            }
            let mut after: Option<Name> = None;
            loop {
                let some = world::some(self.store(), from.world, after.as_deref()).await?;
                let Some(last) = some.last() else {
                    return Ok(from.said().status);
                };
                after = Some(last.id.clone());
                world::put(self.store(), snapshot.world, self.now(), some.into_iter()).await?;
            }
        };
        match copied.await {
            Ok(status) => filled.went.push(status),
            failed => filled.went(failed),
        }
        filled
    }

    async fn keep(&self, snapshot: &Snapshot, entities: Entities, mut filled: Filled) -> Filled {
        let bytes = entities.values().map(|e| e.bytes()).sum();
        let number = entities.len();
        let kept = if self.bytes_in_all().saturating_add(bytes) > BYTES_IN_ALL_MAX {
            Err(Refused::NodeFull)
        } else {
            let (store, all) = (self.store(), entities.into_values());
            let put = world::put(store, snapshot.world, self.now(), all).await;
            put.map_err(Refused::from)
        };
        match kept {
            Ok(()) => (filled.entities, filled.bytes) = (number, bytes),
            Err(refused) => {
                filled.went.clear();
                filled.went(Err(refused));
            }
        }
        filled
    }
}

/// Where a question is asked.
struct Asked<'a> {
    gateway: &'a Gateway,
    call: &'a Call,
    route: &'a Route,
}

impl Asked<'_> {
    /// Asks one question and adds what it brings.
    async fn collect(&self, frozen: &Frozen, into: &mut Entities) -> Result<Status, Refused> {
        let question = &frozen.question;
        let is_alone = self.route.local || !self.gateway.concerns(&self.call.tenant, question);
        // Of other sources every page would be asked for from the beginning.
        let limit = if is_alone { PAGE } else { ENTITIES_MAX };
        let mut offset = 0_usize;
        let mut bytes: usize = into.values().map(|e| e.bytes()).sum();
        let mut brought = 0_usize;
        loop {
            let page = Page {
                offset,
                limit,
                count: false,
            };
            let found = self.gateway.query(self.call, self.route, question, &page);
            let found = found.await?;
            for entity in found.entities {
                if let Some(kept) = (frozen.shape)(entity) {
                    brought += 1;
                    bytes = bytes.saturating_add(kept.bytes());
                    add(into, &kept);
                }
            }
            if into.len() > ENTITIES_MAX || bytes > BYTES_MAX {
                into.clear();
                return Err(Refused::TooMuch);
            }
            if !found.more {
                break;
            }
            offset = offset.saturating_add(limit);
        }
        Ok(if !self.route.explain.is_whole() {
            Status::Partial
        } else if brought == 0 {
            Status::Empty
        } else {
            Status::Success
        })
    }
}

/// Adds an entity as it is to be kept: for good, since nothing ends in what is frozen. Attributes
/// that another question did not bring are added to those that it did.
fn add(into: &mut Entities, entity: &Arc<Entity>) {
    let mut frozen = Entity::clone(entity);
    frozen.expires_at = None;
    for attribute in &mut frozen.attributes {
        attribute.expires_at = None;
        for sub in &mut attribute.sub {
            sub.expires_at = None;
        }
    }
    if let Some(known) = into.get(&frozen.id) {
        for attribute in &known.attributes {
            if frozen
                .attribute(&attribute.name, attribute.dataset_id.as_deref())
                .is_none()
            {
                frozen.attributes.push(attribute.clone());
            }
        }
    }
    into.insert(frozen.id.clone(), Arc::new(frozen));
}

//! What is carried, as docs of the store.

use base::{Name, Tenant};
use ports::{Act, Batch, Expect, StoreError};
use serde_json::{Value, json};
use std::sync::Arc;

use super::{Carried, Carrier, Copy, Place, State};
use crate::Gateway;

/// The family of the docs; the id is that of the subscription.
const KIND: &str = "carriedSubscription";
/// Docs read at once.
const CHUNK: usize = 500;

impl Carrier {
    /// Reads what is kept.
    pub(crate) async fn load(store: &dyn ports::Store) -> Result<Self, StoreError> {
        let mut state = State::default();
        for tenant in store.tenants().await? {
            let mut after = None::<Name>;
            loop {
                let docs = store.docs(&tenant, KIND, after.as_deref(), CHUNK).await?;
                after = docs.last().map(|last| last.id.clone());
                let is_last = docs.len() < CHUNK;
                for doc in docs {
                    state.put((tenant.clone(), doc.id), read(&doc.body));
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(Self {
            state: parking_lot::Mutex::new(state),
            ..Self::default()
        })
    }
}

impl State {
    pub(super) fn put(&mut self, place: Place, carried: Carried) {
        self.forget(&place);
        for copy in &carried.copies {
            self.by_copy.insert(copy.id.clone(), place.clone());
        }
        self.carried.insert(place, carried);
    }

    pub(super) fn forget(&mut self, place: &Place) {
        if let Some(before) = self.carried.remove(place) {
            for copy in before.copies {
                self.by_copy.remove(&copy.id);
            }
        }
    }
}

impl Gateway {
    /// Writes down how a subscription is carried; `None`: it no more is.
    pub(super) async fn keep(
        &self,
        (tenant, id): &(Tenant, Name),
        carried: Option<&Carried>,
    ) -> Result<(), StoreError> {
        let act = Act::Doc {
            kind: Name::from(KIND),
            id: id.clone(),
            expect: Expect::Any,
            body: carried.map(|carried| Arc::new(body(carried))),
        };
        let batch = Batch {
            tenant: tenant.clone(),
            time: self.parts.clock.now(),
            acts: vec![act],
            cursor: None,
        };
        self.parts.broker.store().commit(batch).await.map(drop)
    }
}

fn body(carried: &Carried) -> Value {
    let copies = carried
        .copies
        .iter()
        .map(|copy| json!({ "registration": copy.registration, "id": copy.id, "said": copy.said }));
    json!({
        "via": carried.via,
        "base": carried.base,
        "copies": copies.collect::<Vec<_>>(),
    })
}

fn read(body: &Value) -> Carried {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(ToOwned::to_owned);
    let list = |name: &str| {
        body.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let copy = |value: &Value| {
        Some(Copy {
            registration: text(value, "registration")?.into(),
            id: text(value, "id")?.into(),
            said: text(value, "said")?,
            source: None,
            attrs: Vec::new(),
        })
    };
    Carried {
        via: list("via")
            .filter_map(Value::as_str)
            .map(Name::from)
            .collect(),
        base: text(body, "base"),
        copies: list("copies").filter_map(copy).collect(),
    }
}

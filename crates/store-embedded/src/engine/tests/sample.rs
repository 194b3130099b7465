//! Random batches from a seed, and all that a store says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::{Evolution, HistoryEdit, Span};
use ngsi::{Attribute, AttributeKey, AttributeValue, Delta, Entity, Query};
use ports::{Act, Batch, Change, Doc, EntityChange, Expect, Store as _, Versioned};
use serde_json::{Value, json};

use crate::EmbeddedStore;

pub(super) fn attribute(name: &str, value: Value, at: i64) -> Attribute {
    let mut attribute = Attribute::new(Name::from(name), AttributeValue::Property(value));
    attribute.stamp(Time(at), Time(at));
    attribute
}

fn entity(id: &str, n: i64) -> Entity {
    Entity {
        id: Name::from(id),
        types: vec![Name::from("Thing")],
        scope: Vec::new(),
        created_at: Time(n),
        modified_at: Time(n),
        expires_at: None,
        attributes: vec![
            attribute("level", json!(n), n),
            attribute("name", json!(id), n),
        ],
    }
}

pub(super) fn put(id: &str, n: i64, expect: Expect) -> Act {
    let change = EntityChange::Put(Arc::new(entity(id, n)));
    Act::Entity {
        id: Name::from(id),
        expect,
        change,
        around: ports::Around::default(),
    }
}

/// Writes a random history that always holds.
pub(super) struct Writer {
    dice: u64,
    time: i64,
    there: BTreeSet<(Tenant, String)>,
}

impl Writer {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: seed,
            time: 1_000_000,
            there: BTreeSet::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    pub(super) fn batch(&mut self) -> Batch {
        self.time += 1_000;
        let is_city = self.below(3) == 0;
        let tenant = Tenant::new(if is_city { "city" } else { "" }).unwrap();
        let acts = (0..self.below(4)).map(|_| self.act(&tenant)).collect();
        let moves = self.below(4) == 0;
        let cursor = moves.then(|| {
            (
                Name::from(format!("tail{}", self.below(2))),
                Seq(self.below(9)),
            )
        });
        Batch {
            tenant,
            time: Time(self.time),
            acts,
            cursor,
        }
    }

    fn act(&mut self, tenant: &Tenant) -> Act {
        let id = format!("urn:e{}", self.below(6));
        let key = (tenant.clone(), id.clone());
        let name = Name::from(id.as_str());
        let is_there = self.there.contains(&key);
        let time = self.time;
        let change = match self.below(10) {
            0 => return self.doc(),
            1 => {
                let instances = vec![attribute("level", json!(self.below(99)), time)];
                let types = vec![Name::from("Thing")];
                let edit = HistoryEdit::Add {
                    types,
                    scope: Vec::new(),
                    instances,
                };
                return Act::History { id: name, edit };
            }
            2 if self.below(3) == 0 => {
                return Act::History {
                    id: name,
                    edit: HistoryEdit::RemoveEntity,
                };
            }
            3 if is_there => {
                self.there.remove(&key);
                EntityChange::Delete {
                    at: Time(time),
                    types: vec![Name::from("Thing")],
                }
            }
            4..8 if is_there => self.patch(),
            _ => {
                self.there.insert(key);
                EntityChange::Put(Arc::new(entity(&id, time)))
            }
        };
        Act::Entity {
            id: name,
            expect: Expect::Any,
            change,
            around: ports::Around::default(),
        }
    }

    fn doc(&mut self) -> Act {
        let id = Name::from(format!("doc{}", self.below(3)));
        let body = (self.below(3) > 0).then(|| Arc::new(json!({"n": self.below(1_000)})));
        Act::Doc {
            kind: Name::from("kind"),
            id,
            expect: Expect::Any,
            body,
        }
    }

    fn patch(&mut self) -> EntityChange {
        let attribute_name = format!("a{}", self.below(4));
        let mut delta = Delta {
            modified_at: Time(self.time),
            ..Delta::default()
        };
        if self.below(4) == 0 {
            delta.remove.push(AttributeKey {
                name: Name::from(attribute_name),
                dataset_id: None,
            });
        } else {
            delta.set.push(attribute(
                &attribute_name,
                json!(self.below(1_000)),
                self.time,
            ));
        }
        EntityChange::Patch { delta }
    }
}

/// All that a store says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dump {
    pub(super) head: Seq,
    entities: BTreeMap<Tenant, Vec<Versioned>>,
    docs: BTreeMap<Tenant, Vec<Doc>>,
    evolutions: BTreeMap<(Tenant, String), Option<Evolution>>,
    cursors: Vec<Option<Seq>>,
    last: Vec<Change>,
}

impl Dump {
    /// Whether entities and docs are the same.
    pub(super) fn has_same_state(&self, other: &Self) -> bool {
        self.entities == other.entities && self.docs == other.docs
    }
}

pub(super) async fn dump(store: &EmbeddedStore) -> Dump {
    let mut dump = dump_state(store).await;
    let recent = Seq(dump.head.0.saturating_sub(5));
    dump.last = store.changes(recent, 100).await.unwrap();
    dump
}

pub(super) async fn dump_state(store: &EmbeddedStore) -> Dump {
    let head = store.head();
    let mut dump = Dump {
        head,
        ..Dump::default()
    };
    for tenant in store.tenants().await.unwrap() {
        let all = store
            .find(&tenant, &Query::default(), None, usize::MAX)
            .await
            .unwrap();
        let count = store.count(&tenant, &Query::default()).await.unwrap();
        assert_eq!(count, all.len() as u64);
        for n in 0..6 {
            let id = format!("urn:e{n}");
            let found = store
                .history(&tenant, &id, &Span::all(1_000))
                .await
                .unwrap();
            dump.evolutions.insert((tenant.clone(), id), found);
        }
        dump.docs.insert(
            tenant.clone(),
            store.docs(&tenant, "kind", None, 99).await.unwrap(),
        );
        dump.entities.insert(tenant, all);
    }
    for name in ["tail0", "tail1"] {
        dump.cursors.push(store.cursor(name).await.unwrap());
    }
    dump
}

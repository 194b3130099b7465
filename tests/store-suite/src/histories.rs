//! Random histories: the store must answer as the model does, whatever comes.

use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::Entity;
use ngsi::temporal::{HistoryEdit, InstanceId, Span};
use ports::{Act, Batch, Expect, Store, StoreError};
use serde_json::json;
use store_memory::MemoryStore;
use testkit::{RandomWorld, name};

use crate::same::Pair;
use crate::{Setup, act, batch, delete, doc, patch, put};

const KINDS: [&str; 2] = ["context", "grant"];
const SEEDS: u64 = 10;
const BATCHES: usize = 90;
/// Batches between two comparisons.
const STRIDE: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Closing,
    Crash,
}

/// Clauses 1, 3, 4 and 5, by many random batches.
pub async fn random_histories_are_answered_as_by_the_model(setup: &dyn Setup) {
    for seed in 0..SEEDS {
        run(setup, seed, Between::Nothing).await;
    }
}

/// Clause 1: what was committed is there when the store is opened again.
pub async fn random_histories_outlive_closings(setup: &dyn Setup) {
    for seed in 100..100 + SEEDS / 2 {
        run(setup, seed, Between::Closing).await;
    }
}

/// Clause 1: what was committed is there after a crash.
pub async fn random_histories_outlive_crashes(setup: &dyn Setup) {
    for seed in 200..200 + SEEDS / 2 {
        run(setup, seed, Between::Crash).await;
    }
}

async fn run(setup: &dyn Setup, seed: u64, between: Between) {
    let mut world = RandomWorld::new(seed);
    let model = MemoryStore::new();
    let mut store = setup.open().await;
    let mut now = Time::from_seconds(86_400);
    let tenants = ["", "a", "b"].map(|name| Tenant::new(name).expect("a tenant"));
    for step in 1..=BATCHES {
        now = now.plus_micros(world.random.between(0, 3) * 500_000);
        let batch = random_batch(&mut world, &model, now).await;
        let place = format!("seed {seed}, step {step}");
        let expected = model.commit(batch.clone()).await;
        let committed = store.commit(batch.clone()).await;
        assert_same_outcome(&committed, &expected, &format!("{place}: {batch:#?}"));
        let chance = world.random.below(1_000);
        setup
            .meanwhile(&store, u64::try_from(chance).unwrap_or(0))
            .await;
        if step % STRIDE == 0 {
            store = match pass(setup, store, between).await {
                Some(store) => store,
                None => return,
            };
            let pair = Pair {
                store: &*store,
                model: &model,
                place,
            };
            pair.state(&tenants, &KINDS).await;
            for _ in 0..20 {
                pair.question(&mut world, now).await;
                pair.past(&mut world, now).await;
            }
        }
    }
}

async fn pass(
    setup: &dyn Setup,
    store: Arc<dyn Store>,
    between: Between,
) -> Option<Arc<dyn Store>> {
    match between {
        Between::Nothing => Some(store),
        Between::Closing => setup.reopen(store).await,
        Between::Crash => setup.crash(store).await,
    }
}

fn assert_same_outcome<T: PartialEq + std::fmt::Debug>(
    found: &Result<T, StoreError>,
    expected: &Result<T, StoreError>,
    place: &str,
) {
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{place}"),
        (Err(found), Err(expected)) => {
            assert_eq!(found.to_string(), expected.to_string(), "{place}");
        }
        _ => panic!("{found:?} and not {expected:?}, {place}"),
    }
}

/// A batch of some acts, most of which hold.
async fn random_batch(world: &mut RandomWorld, model: &MemoryStore, now: Time) -> Batch {
    let tenant = world.tenant();
    let mut acts = Vec::new();
    // What the entities of this batch are after the acts so far.
    let mut states: Vec<(Name, Option<Entity>)> = Vec::new();
    for _ in 0..world.random.below(7) {
        let act = match world.random.below(20) {
            0 | 1 => random_doc(world, model, &tenant).await,
            2..=4 => random_edit(world, model, &tenant, now).await,
            _ => random_entity(world, model, &tenant, &mut states, now).await,
        };
        acts.push(act);
    }
    let mut batch = batch(&tenant, now, acts);
    if world.random.percent(10) {
        let seq = u64::try_from(world.random.below(100)).unwrap_or(0);
        batch.cursor = Some((Name::from(world.random.word(&["rules", "lake"])), Seq(seq)));
    }
    batch
}

async fn random_entity(
    world: &mut RandomWorld,
    model: &MemoryStore,
    tenant: &Tenant,
    states: &mut Vec<(Name, Option<Entity>)>,
    now: Time,
) -> Act {
    let id = world.id();
    let stored = model.read(tenant, &id).await.expect("the model reads");
    let seq = stored.as_ref().map(|found| found.seq);
    let of_batch = states
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, state)| state.clone());
    let before = match of_batch {
        Some(state) => state,
        None => stored.map(|found| Entity::clone(&found.entity)),
    };
    let expect = match (world.random.below(10), seq, &before) {
        (0..=4, _, _) => Expect::Any,
        (5, _, _) if world.random.percent(25) => Expect::At(Seq(3)),
        (_, _, None) => Expect::Absent,
        (_, Some(seq), Some(_)) => Expect::At(seq),
        (_, None, Some(_)) => Expect::Any,
    };
    let (act, after) = match (before, world.random.below(10)) {
        (None, 0) => (delete(&world.entity(id.clone(), now), now, expect), None),
        (None, _) => {
            let entity = world.entity(id.clone(), now);
            (put(entity.clone(), expect), Some(entity))
        }
        (Some(before), 0) => (delete(&before, now, expect), None),
        (Some(before), 1 | 2) => {
            let mut entity = world.entity(id.clone(), now);
            entity.created_at = before.created_at;
            (put(entity.clone(), expect), Some(entity))
        }
        (Some(before), _) => {
            let after = world.changed(&before, now);
            (patch(&before, after.clone(), expect), Some(after))
        }
    };
    states.retain(|(known, _)| *known != id);
    states.push((id, after));
    act
}

async fn random_doc(world: &mut RandomWorld, model: &MemoryStore, tenant: &Tenant) -> Act {
    let kind = world.random.word(&KINDS);
    let id = format!("d{}", world.random.below(6));
    let seq = model
        .doc(tenant, kind, &id)
        .await
        .expect("the model reads")
        .map(|doc| doc.seq);
    let expect = match (world.random.below(4), seq) {
        (0, Some(seq)) => Expect::At(seq),
        (0, None) => Expect::Absent,
        (1, _) if world.random.percent(20) => Expect::At(Seq(1)),
        _ => Expect::Any,
    };
    let body = world
        .random
        .percent(75)
        .then(|| json!({"n": world.random.below(9), "t": "ю"}));
    doc(kind, &id, expect, body)
}

async fn random_edit(
    world: &mut RandomWorld,
    model: &MemoryStore,
    tenant: &Tenant,
    now: Time,
) -> Act {
    let id = world.id();
    let past = now.plus_micros(-world.random.between(0, 20) * 1_000_000);
    let known = known_instance(world, model, tenant, &id).await;
    let edit = match (world.random.below(12), known) {
        (0, _) => HistoryEdit::RemoveEntity,
        (1, Some((name, dataset_id, _))) => {
            let dataset_id = world.random.percent(70).then_some(dataset_id);
            HistoryEdit::RemoveAttribute { name, dataset_id }
        }
        (2..=4, Some((name, _, instance))) => HistoryEdit::RemoveInstance { name, instance },
        (5..=7, Some((name, dataset_id, instance))) => {
            let mut attribute = world.attribute(past);
            attribute.name = name;
            attribute.dataset_id = dataset_id;
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            }
        }
        _ => HistoryEdit::Add {
            types: vec![name(world.random.word(&["Room", "Added"]))],
            scope: if world.random.percent(20) {
                vec!["/A".into()]
            } else {
                Vec::new()
            },
            instances: (0..world.random.below(5))
                .map(|_| world.attribute(past))
                .collect(),
        },
    };
    act::edit(&id, edit)
}

async fn known_instance(
    world: &mut RandomWorld,
    model: &MemoryStore,
    tenant: &Tenant,
    id: &Name,
) -> Option<(Name, Option<Name>, InstanceId)> {
    let everything = Span::all(usize::MAX);
    let evolution = model
        .history(tenant, id, &everything)
        .await
        .expect("the model reads")?;
    if evolution.series.is_empty() {
        return None;
    }
    let series = world.random.pick(&evolution.series).clone();
    let instance = world.random.pick(&series.instances).id;
    Some((series.name, series.dataset_id, instance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::{EntityChange, Fact};

    #[tokio::test]
    async fn random_batches_are_mostly_taken_and_do_everything() {
        let mut world = RandomWorld::new(9);
        let model = MemoryStore::new();
        let (mut taken, mut now) = (0, Time::from_seconds(86_400));
        for _ in 0..500 {
            now = now.plus_micros(500_000);
            let batch = random_batch(&mut world, &model, now).await;
            taken += usize::from(model.commit(batch).await.is_ok());
        }
        assert!((250..490).contains(&taken), "{taken} of 500");
        let mut kinds = std::collections::BTreeMap::new();
        for change in model.changes(Seq::ZERO, usize::MAX).await.expect("changes") {
            let kind = match &change.fact {
                Fact::Entity {
                    change: EntityChange::Put(_),
                    ..
                } => "put",
                Fact::Entity {
                    change: EntityChange::Patch { .. },
                    ..
                } => "patch",
                Fact::Entity {
                    change: EntityChange::Delete { .. },
                    ..
                } => "delete",
                Fact::History {
                    edit: HistoryEdit::Add { .. },
                    ..
                } => "add",
                Fact::History { .. } => "edit",
                Fact::Doc { .. } => "doc",
            };
            *kinds.entry(kind).or_insert(0_usize) += 1;
        }
        assert!(
            kinds.len() == 6 && kinds.values().all(|n| *n > 20),
            "{kinds:?}"
        );
    }
}

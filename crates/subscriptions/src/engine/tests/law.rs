//! The index finds exactly those that a plain loop over all finds.

use std::collections::BTreeMap;

use ports::{Change, Fact};

use super::super::concern::concerns;
use super::super::happening::Happening;
use super::super::index::Index;
use super::*;

#[test]
fn the_index_finds_exactly_those_that_a_loop_over_all_finds() {
    let (mut concerned, mut unconcerned) = (0_u32, 0_u32);
    for seed in 0..40 {
        let mut world = RandomWorld::new(seed);
        let mut index = Index::default();
        let mut all: BTreeMap<Name, Arc<Subscription>> = BTreeMap::new();
        let mut entities: BTreeMap<Name, Arc<Entity>> = BTreeMap::new();
        let mut now = Time::from_seconds(1_767_225_600);
        for step in 0..400 {
            now = now.plus_micros(200_000);
            if world.random.percent(40) {
                let id = world.random.below(60);
                let subscription = Arc::new(random_subscription(&mut world, id, now));
                if world.random.percent(30) {
                    index.remove(&subscription.id);
                    all.remove(&subscription.id);
                } else {
                    index.insert(Arc::clone(&subscription), ());
                    all.insert(subscription.id.clone(), subscription);
                }
            }
            let change = random_change(&mut world, &mut entities, now, step);
            let Some(happening) = Happening::read(&change, None) else {
                continue;
            };
            let lookup = |id: &str| entities.get(id).cloned();
            let found: Vec<_> = (index.candidates(&happening).into_iter())
                .filter_map(|slot| index.get(slot))
                .map(|(subscription, ())| subscription)
                .filter(|s| concerns(&happening, s, &lookup))
                .map(|s| s.id.clone())
                .collect();
            let looped = all.values().filter(|s| concerns(&happening, s, &lookup));
            let mut looped: Vec<_> = looped.map(|s| s.id.clone()).collect();
            let mut sorted = found.clone();
            sorted.sort();
            looped.sort();
            assert_eq!(sorted, looped, "seed {seed}, step {step}: {happening:?}");
            concerned += u32::try_from(found.len()).unwrap_or(0);
            unconcerned += u32::try_from(all.len() - found.len()).unwrap_or(0);
        }
    }
    assert!(
        concerned > 1_000 && unconcerned > 10_000,
        "{concerned} of {unconcerned}: the world is too poor to show anything"
    );
}

/// A change of which now and then is remembered nothing but what the log says.
fn random_change(
    world: &mut RandomWorld,
    entities: &mut BTreeMap<Name, Arc<Entity>>,
    now: Time,
    step: u64,
) -> Change {
    let id = world.id();
    let before = entities.get(&id).cloned();
    let after = match &before {
        None => After::Put(Arc::new(world.entity(id.clone(), now))),
        Some(_) if world.random.percent(15) => After::Gone(id.clone()),
        Some(_) if world.random.percent(20) => After::Put(Arc::new(world.entity(id.clone(), now))),
        Some(before) => After::Patched(Arc::new(world.changed(before, now))),
    };
    let (id, change, after) = act(before.as_ref(), after, now);
    match &after {
        Some(after) => entities.insert(id.clone(), Arc::clone(after)),
        None => entities.remove(&id),
    };
    let around = if world.random.percent(80) {
        Around { before, after }
    } else {
        Around::default()
    };
    Change {
        seq: Seq(step + 1),
        tenant: Tenant::default_tenant(),
        time: now,
        fact: Fact::Entity { id, change, around },
    }
}

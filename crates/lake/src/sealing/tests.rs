//! Histories of chance against a plain model: whatever fails, nothing is lost, twice, or left over.

mod past;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use base::{Seq, Tasks};
use broker::Broker;
use ports::{Past, Store, StoreError};
use store_memory::{Fault, Faulty, MemoryStore};
use testkit::{Random, SeededEntropy, StepClock};
use trust::Access;

use crate::history::scan::{Keys, Scan};
use crate::publish::LIST;
use crate::{Lake, Objects, Parts, Place, Rules};
use past::{Fact, FakePast};

/// Everything that outlives the lake of a process.
struct World {
    past: Arc<FakePast>,
    store: Arc<Faulty>,
    place: Place,
    /// They outlive a life only if they are those of a folder, or these.
    objects: Objects,
    clock: Arc<StepClock>,
    lives: u64,
}

impl World {
    fn new() -> Self {
        Self::at(Place::Memory)
    }

    fn at(place: Place) -> Self {
        Self {
            objects: Objects::open(&place).expect("a place"),
            place,
            past: Arc::new(FakePast::default()),
            store: Arc::new(Faulty::new(Arc::new(MemoryStore::new()))),
            clock: Arc::new(StepClock::default()),
            lives: 0,
        }
    }

    /// A life of the node; it ends with its tasks.
    async fn live(&mut self) -> (Arc<Lake>, Tasks) {
        self.lives += 1;
        let tasks = Tasks::new();
        let clock = Arc::clone(&self.clock);
        let store = Arc::clone(&self.store);
        let parts = Parts {
            broker: Broker::new(store, Arc::clone(&clock) as _, Access::Open, tasks.clone()),
            past: Some(Arc::clone(&self.past) as Arc<dyn Past>),
            place: self.place.clone(),
            clock,
            entropy: Arc::new(SeededEntropy::new(self.lives)),
            tasks: tasks.clone(),
        };
        let rules = Rules {
            grace_micros: 0,
            ..Rules::default()
        };
        let lake = Lake::start_over(parts, rules, self.objects.clone()).await;
        let lake = lake.expect("a lake");
        (lake, tasks)
    }
}

/// All rows of the files that count.
async fn rows(lake: &Lake) -> Vec<Fact> {
    let manifest = lake.manifest();
    let mut rows = Vec::new();
    for (partition, files) in manifest.partitions() {
        for file in files {
            let source = lake.objects().source(&file.path).await.expect("a file");
            let mut scan = Scan::open(&file.path, source, None).expect("a scan");
            let mut count = 0;
            let mut before = None;
            while let Some(batch) = scan.read().expect("rows") {
                let keys = Keys::of(&batch).expect("columns");
                for row in 0..keys.len() {
                    let fact = Fact::read(&partition.tenant, &keys, row);
                    let place = format!("{:?}", keys.key(row).entity);
                    assert!(before.as_ref() <= Some(&place), "files are in order");
                    before = Some(place);
                    assert_eq!(crate::manifest::day_of(fact.moment), partition.day);
                    assert!((file.moments.0..=file.moments.1).contains(&fact.moment.0));
                    rows.push(fact);
                    count += 1;
                }
            }
            assert_eq!(count, file.rows);
        }
    }
    rows.sort();
    rows
}

/// The list speaks of no file that is not there.
async fn check_list(lake: &Lake) {
    let Some(list) = lake.objects().find(LIST).await.expect("a place") else {
        return;
    };
    let list: serde_json::Value = serde_json::from_slice(&list).expect("JSON");
    let there: BTreeSet<String> = lake
        .objects()
        .list()
        .await
        .expect("names")
        .into_iter()
        .collect();
    for table in list["tables"].as_array().expect("tables") {
        for file in table["files"].as_array().expect("files") {
            let path = file["path"].as_str().expect("a path");
            assert!(there.contains(path), "{path} is listed and not there");
        }
    }
}

/// After a start only files that count are there.
async fn check_no_orphans(lake: &Lake) {
    let manifest = lake.manifest();
    for path in lake.objects().list().await.expect("names") {
        assert!(manifest.names(&path) || path == LIST, "{path} is left over");
    }
}

fn check_same(found: &[Fact], expected: &[Fact], seed: u64) {
    let missing: Vec<&Fact> = expected
        .iter()
        .filter(|fact| !found.contains(fact))
        .collect();
    let more: Vec<&Fact> = found
        .iter()
        .filter(|fact| !expected.contains(fact))
        .collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "seed {seed}: missing {missing:?}, more {more:?}"
    );
    assert_eq!(found.len(), expected.len(), "seed {seed}: some are twice");
}

fn fault(random: &mut Random) -> Fault {
    let error = StoreError::Unavailable {
        reason: "a fault of the test".to_owned(),
    };
    if random.percent(50) {
        Fault::Commit(error)
    } else {
        Fault::Acknowledgement(error)
    }
}

async fn history_of_chance(seed: u64, mut world: World) {
    let mut random = Random::new(seed);
    let (mut lake, mut tasks) = world.live().await;
    for _ in 0..12 {
        world.past.happen(&mut random, 60);
        if random.percent(40) {
            lake.objects.faults.after(random.between(0, 12));
        }
        if random.percent(20) {
            world.store.inject(fault(&mut random));
        }
        world.past.fail_to_let_go(random.percent(20));
        let past = Arc::clone(&world.past) as Arc<dyn Past>;
        let mut failed = lake.seal(&past, Seq(u64::MAX)).await.is_err();
        if random.percent(40) {
            failed |= lake.compact_now().await.is_err();
        }
        failed |= lake.tidy().await.is_err();
        check_list(&lake).await;
        world.past.fail_to_let_go(false);
        if failed && random.percent(30) {
            // It goes on without a new start.
            lake.objects.faults.after(-1);
            let again = lake.seal(&past, Seq(u64::MAX)).await;
            if again.is_err() {
                // That was a fault of the store which was still to come.
                lake.seal(&past, Seq(u64::MAX)).await.expect("sealed");
            }
        } else if failed || random.percent(20) {
            tasks.stop();
            tasks.ended().await;
            drop(lake);
            world.objects.faults.after(-1);
            (lake, tasks) = world.live().await;
            check_no_orphans(&lake).await;
        }
        lake.objects.faults.after(-1);
        let taken = lake.keeper.taken().await.expect("a cursor");
        assert!(
            world.past.let_go_until() <= taken,
            "the store let go too early"
        );
        check_same(&rows(&lake).await, &world.past.settled(taken), seed);
        check_list(&lake).await;
    }
    let past = Arc::clone(&world.past) as Arc<dyn Past>;
    while lake.seal(&past, Seq(u64::MAX)).await.is_err() {}
    check_same(&rows(&lake).await, &world.past.settled(Seq(u64::MAX)), seed);
    assert_eq!(
        world.past.let_go_until(),
        lake.keeper.taken().await.expect("a cursor")
    );
    tasks.stop();
    tasks.ended().await;
}

#[tokio::test]
async fn whatever_fails_nothing_is_lost_twice_or_left_over() {
    for seed in 0..12 {
        history_of_chance(seed, World::new()).await;
    }
}

#[tokio::test]
async fn nor_is_it_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    history_of_chance(100, World::at(Place::Folder(folder.path().to_owned()))).await;
}

#[tokio::test]
async fn merged_files_say_the_same_and_the_old_ones_go() {
    let mut world = World::new();
    let (lake, tasks) = world.live().await;
    let mut random = Random::new(7);
    let past = Arc::clone(&world.past) as Arc<dyn Past>;
    for _ in 0..10 {
        world.past.happen(&mut random, 40);
        lake.seal(&past, Seq(u64::MAX)).await.expect("sealed");
    }
    let (before, files) = (rows(&lake).await, lake.manifest().partitions().count());
    world.clock.advance_seconds(10 * 86_400);
    assert!(lake.compact_now().await.expect("merged") > 0);
    assert_eq!(rows(&lake).await, before);
    let manifest = lake.manifest();
    assert!(manifest.partitions().all(|(_, files)| files.len() == 1));
    assert_eq!(manifest.partitions().count(), files);
    lake.tidy().await.expect("tidied");
    check_no_orphans(&lake).await;
    tasks.stop();
}

#[tokio::test]
async fn a_file_that_a_reader_holds_stays_until_it_is_done() {
    let mut world = World::new();
    let (lake, tasks) = world.live().await;
    let mut random = Random::new(3);
    let past = Arc::clone(&world.past) as Arc<dyn Past>;
    for _ in 0..6 {
        world.past.happen(&mut random, 60);
        lake.seal(&past, Seq(u64::MAX)).await.expect("sealed");
    }
    let held = lake.manifest();
    world.clock.advance_seconds(10 * 86_400);
    lake.compact_now().await.expect("merged");
    lake.tidy().await.expect("tidied");
    for (_, files) in held.partitions() {
        for file in files {
            assert!(lake.objects().has(&file.path).await.expect("a place"));
        }
    }
    drop(held);
    let copy = lake.hold();
    lake.tidy().await.expect("tidied");
    assert!(lake.keeper.gone() > 0);
    drop(copy);
    lake.tidy().await.expect("tidied");
    assert_eq!(lake.keeper.gone(), 0);
    check_no_orphans(&lake).await;
    tasks.stop();
}

/// A lake of a node of its own at a place; what refuses it.
async fn refusal(store: Arc<Faulty>, folder: &Path) -> String {
    let (tasks, clock) = (Tasks::new(), Arc::new(StepClock::default()));
    let parts = Parts {
        broker: Broker::new(store, Arc::clone(&clock) as _, Access::Open, tasks.clone()),
        past: None,
        place: Place::Folder(folder.to_owned()),
        clock,
        entropy: Arc::new(SeededEntropy::new(9)),
        tasks: tasks.clone(),
    };
    let refused = Lake::start(parts).await.expect_err("a refusal");
    tasks.stop();
    refused.to_string()
}

#[tokio::test]
async fn a_place_of_another_lake_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = World::at(Place::Folder(folder.path().to_owned()));
    let (lake, tasks) = one.live().await;
    one.past.happen(&mut Random::new(1), 40);
    let past = Arc::clone(&one.past) as Arc<dyn Past>;
    lake.seal(&past, Seq(u64::MAX)).await.expect("sealed");
    lake.tidy().await.expect("tidied");
    tasks.stop();
    tasks.ended().await;
    let names = lake.objects().list().await.expect("names");
    let other = World::new().store;
    let error = refusal(other, folder.path()).await;
    assert!(error.contains("belongs to another lake"), "{error}");
    assert_eq!(lake.objects().list().await.expect("names"), names);
    // Nor is a place taken in which the files are not.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let error = refusal(one.store, elsewhere.path()).await;
    assert!(error.contains("are not in"), "{error}");
}

#[tokio::test]
async fn a_copy_of_a_lake_has_every_file_that_its_store_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new();
    let (lake, tasks) = world.live().await;
    world.past.happen(&mut Random::new(5), 80);
    let past = Arc::clone(&world.past) as Arc<dyn Past>;
    lake.seal(&past, Seq(u64::MAX)).await.expect("sealed");
    let place = Place::Folder(folder.path().join("lake"));
    let store = || Arc::clone(&world.store) as Arc<dyn Store>;
    let missing = crate::copy::missing(store(), &place)
        .await
        .expect("a place");
    assert_eq!(missing.len(), lake.manifest().len());
    // Also those that were replaced since the store was copied.
    let copied = lake.copy_to(&folder.path().join("lake")).await;
    assert!(copied.expect("copied") >= lake.manifest().len());
    let missing = crate::copy::missing(store(), &place)
        .await
        .expect("a place");
    assert!(missing.is_empty(), "{missing:?}");
    let again = crate::copy::copy(&place, &place).await.expect("copied");
    assert_eq!(again, 0);
    tasks.stop();
}

//! Crashes at any step, damaged files, backups and repairs.

use base::Kind;

use super::*;
use crate::files::{Fault, Survival, has_extension};
use crate::{check, repair, restore};

/// Commits up to `count` batches until one fails; how many were acknowledged.
fn write(
    store: &EmbeddedStore,
    writer: &mut Writer,
    count: usize,
    checkpoint_every: usize,
) -> usize {
    runtime().block_on(async {
        for n in 0..count {
            if store.commit(writer.batch()).await.is_err() {
                return n;
            }
            if n % checkpoint_every == checkpoint_every - 1 && store.checkpoint().is_err() {
                return n + 1;
            }
        }
        count
    })
}

/// What a store says that was given the first batches of a seed.
fn model(seed: u64, batches: usize) -> Dump {
    let store = open(&MemoryFiles::new(), calm());
    write(&store, &mut Writer::new(seed), batches, usize::MAX);
    runtime().block_on(dump(&store))
}

fn assert_recovers(found: &MemoryFiles, seed: u64, acknowledged: usize, why: &str) {
    let store = try_open(found, calm()).unwrap_or_else(|error| panic!("{why}: {error}"));
    let says = runtime().block_on(dump(&store));
    drop(store);
    // Whole batches that were in flight may be there.
    let is_prefix = (acknowledged..=acknowledged + 1).any(|n| model(seed, n) == says);
    assert!(
        is_prefix,
        "{why}: neither {acknowledged} batches nor one more:\n{says:#?}"
    );
    let report = check(Arc::new(found.clone()), &dir()).unwrap();
    assert!(report.is_sound(), "{why}: {report}");
}

/// Writes, closes, opens and writes again; what was acknowledged.
fn history(files: &MemoryFiles, seed: u64, settings: &Settings) -> usize {
    let mut writer = Writer::new(seed);
    let mut acknowledged = 0;
    for round in 0..3 {
        let Ok(store) = try_open(files, settings.clone()) else {
            return acknowledged;
        };
        let done = write(&store, &mut writer, 12, 5);
        acknowledged += done;
        if done < 12 {
            return acknowledged;
        }
        if round == 1 {
            store.close();
        }
    }
    acknowledged
}

#[test]
fn a_crash_at_any_step_recovers_to_what_was_acknowledged() {
    let seed = 11;
    let files = MemoryFiles::new();
    assert_eq!(history(&files, seed, &calm()), 36);
    let steps = files.steps();
    for step in 0..steps {
        let files = MemoryFiles::new();
        files.plan(step, Fault::Crash);
        let acknowledged = history(&files, seed, &calm());
        for survival in [Survival::None, Survival::All, Survival::Some(step)] {
            let found = files.after_crash(survival);
            assert_recovers(
                &found,
                seed,
                acknowledged,
                &format!("step {step}, {survival:?}"),
            );
        }
    }
}

#[test]
fn crashes_amid_checkpoints_in_the_background_recover_too() {
    for seed in 0..100 {
        let files = MemoryFiles::new();
        files.plan(20 + seed * 7, Fault::Crash);
        let acknowledged = history(&files, seed, &eager());
        let found = files.after_crash(Survival::Some(seed));
        assert_recovers(&found, seed, acknowledged, &format!("seed {seed}"));
    }
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_and_a_restart_recovers() {
    for step in 0..40 {
        let files = MemoryFiles::new();
        let store = open(&files, calm());
        files.plan(files.steps() + step, Fault::Fail);
        let mut writer = Writer::new(step);
        let acknowledged = write(&store, &mut writer, 40, usize::MAX);
        assert!(acknowledged < 40 && store.poisoned());
        let again = runtime()
            .block_on(store.commit(batch(Vec::new())))
            .unwrap_err();
        assert_eq!(again.kind(), Kind::Unavailable);
        drop(store);
        let found = files.after_crash(Survival::Some(step));
        assert_recovers(&found, step, acknowledged, &format!("step {step}"));
    }
}

#[test]
fn a_full_disk_refuses_batches_and_reads_go_on() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    let mut writer = Writer::new(4);
    files.plan(files.steps(), Fault::Full);
    let acknowledged = write(&store, &mut writer, 1_000, usize::MAX);
    assert!(acknowledged < 1_000 && !store.poisoned());
    let says = runtime().block_on(dump(&store));
    assert_eq!(says, model(4, acknowledged));
}

/// A store with two checkpoints and log behind them.
fn rich(seed: u64) -> MemoryFiles {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    assert_eq!(write(&store, &mut Writer::new(seed), 50, 20), 50);
    drop(store);
    files
}

fn checkpoints(files: &MemoryFiles) -> Vec<PathBuf> {
    let dir = dir().join("checkpoints");
    files
        .list(&dir)
        .unwrap()
        .into_iter()
        .map(|name| dir.join(name))
        .collect()
}

#[test]
fn an_unreadable_checkpoint_is_passed_over_and_said() {
    let files = rich(2);
    let newest = checkpoints(&files).pop().unwrap();
    for offset in [3, 70, files.read(&newest).unwrap().len() - 3] {
        let bad = files.duplicate();
        bad.damage(&newest, offset, 1);
        let store = open(&bad, calm());
        assert_eq!(store.opened().passed_over.len(), 1);
        assert_eq!(runtime().block_on(dump(&store)), model(2, 50));
    }
    for path in checkpoints(&files) {
        files.damage(&path, 70, 1);
    }
    // The log is whole: no tail has moved on, so nothing was given back.
    let store = open(&files, calm());
    assert_eq!(store.opened().passed_over.len(), 2);
    assert_eq!(runtime().block_on(dump(&store)), model(2, 50));
}

#[test]
fn a_backup_of_a_running_store_is_a_store() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    let mut writer = Writer::new(9);
    write(&store, &mut writer, 30, 20);
    let to = PathBuf::from("backup");
    store.backup(&to).unwrap();
    assert!(store.backup(&to).is_err(), "a backup is not written over");
    write(&store, &mut writer, 10, 20);
    let restored = PathBuf::from("restored");
    restore(Arc::new(files.clone()), &to, &restored, None).unwrap();
    let progress = watch::Sender::new(Progress::Ready);
    let copy = EmbeddedStore::open_in(Arc::new(files), &restored, calm(), &progress).unwrap();
    assert_eq!(runtime().block_on(dump(&copy)), model(9, 30));
}

#[test]
fn a_restore_ends_at_the_moment_asked_for() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    write(&store, &mut Writer::new(9), 50, 20);
    store.backup(&PathBuf::from("backup")).unwrap();
    drop(store);
    let progress = watch::Sender::new(Progress::Ready);
    for batches in 41_i64..=50 {
        let until = Time(1_000_000 + 1_000 * batches);
        let to = PathBuf::from(format!("restored{batches}"));
        let files = Arc::new(files.duplicate());
        restore(
            Arc::<MemoryFiles>::clone(&files),
            &PathBuf::from("backup"),
            &to,
            Some(until),
        )
        .unwrap();
        let copy = EmbeddedStore::open_in(files, &to, calm(), &progress).unwrap();
        assert_eq!(
            runtime().block_on(dump(&copy)),
            model(9, usize::try_from(batches).unwrap())
        );
    }
    let early = Some(Time(1_005_000));
    let to = PathBuf::from("early");
    let error = restore(
        Arc::new(files.clone()),
        &PathBuf::from("backup"),
        &to,
        early,
    )
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("1970-01-01T00:00:01"), "{error}");
    assert!(files.list(&to.join("log")).unwrap().is_empty());
}

#[test]
fn damage_in_the_log_stops_the_start_and_repair_says_what_is_lost_before_it_does_anything() {
    let files = rich(6);
    let log = dir().join("log");
    let last = files
        .list(&log)
        .unwrap()
        .into_iter()
        .rfind(|name| has_extension(name, "log"))
        .unwrap();
    let path = log.join(last);
    // The first frame of the last segment, with good ones behind it.
    files.damage(&path, 64 + 40, 0xff);
    let error = try_open(&files, calm()).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("byte 64"), "{error}");
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let report = check(Arc::clone(&shared), &dir()).unwrap();
    assert!(!report.is_sound());
    let said = repair(Arc::clone(&shared), &dir(), false).unwrap();
    assert!(!said.is_done);
    assert!(said.says.iter().any(|s| s.contains("are lost")), "{said}");
    try_open(&files, calm()).unwrap_err();
    let done = repair(Arc::clone(&shared), &dir(), true).unwrap();
    assert!(done.is_done);
    let store = open(&files, calm());
    let says = runtime().block_on(dump_without_changes(&store));
    let kept = (20..50).find(|n| says_same(&model(6, *n), &says));
    assert!(kept.is_some(), "a prefix of the history is kept");
    write(&store, &mut Writer::new(1), 10, usize::MAX);
    drop(store);
    let report = check(shared, &dir()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert!(
        files
            .list(&log)
            .unwrap()
            .iter()
            .any(|name| has_extension(name, "lost"))
    );
}

#[test]
fn a_repair_broken_off_at_any_step_leaves_a_store_that_is_repaired_or_still_can_be() {
    let damaged = rich(6);
    let log = dir().join("log");
    let segments = damaged.list(&log).unwrap();
    let last = segments
        .into_iter()
        .rfind(|name| has_extension(name, "log"))
        .unwrap();
    damaged.damage(&log.join(last), 64 + 40, 0xff);
    let whole = damaged.duplicate();
    repair(Arc::new(whole.clone()), &dir(), true).unwrap();
    let steps = whole.steps();
    let wanted = runtime().block_on(sample::dump_state(&open(&whole, calm())));
    for step in 0..steps {
        let files = damaged.duplicate();
        files.plan(step, Fault::Crash);
        repair(Arc::new(files.clone()), &dir(), true).unwrap_err();
        for survival in [Survival::None, Survival::All, Survival::Some(step)] {
            let found = files.after_crash(survival);
            if try_open(&found, calm()).is_err() {
                repair(Arc::new(found.clone()), &dir(), true).unwrap();
            }
            let says = runtime().block_on(sample::dump_state(&open(&found, calm())));
            assert!(says.has_same_state(&wanted), "step {step}, {survival:?}");
        }
    }
}

async fn dump_without_changes(store: &EmbeddedStore) -> Dump {
    store.changes(Seq::ZERO, 1).await.unwrap_err();
    sample::dump_state(store).await
}

fn says_same(model: &Dump, found: &Dump) -> bool {
    model.has_same_state(found)
}

#[test]
fn a_sound_store_is_not_repaired() {
    let files: Arc<dyn Files> = Arc::new(rich(1));
    let said = repair(Arc::clone(&files), &dir(), true).unwrap();
    assert!(said.findings.is_empty() && !said.is_done);
    let report = check(files, &dir()).unwrap();
    assert!(
        report.to_string().contains("sound; the last change is"),
        "{report}"
    );
}

#[test]
fn lost_checkpoints_are_made_anew_from_the_log() {
    let files = rich(8);
    for path in checkpoints(&files) {
        files.damage(&path, 20, 1);
    }
    let done = repair(Arc::new(files.clone()), &dir(), true).unwrap();
    assert!(done.is_done, "{done}");
    let store = open(&files, calm());
    assert!(store.opened().passed_over.is_empty());
    assert_eq!(runtime().block_on(dump(&store)), model(8, 50));
}

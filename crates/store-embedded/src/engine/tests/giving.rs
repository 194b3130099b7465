//! History that goes to an archive, and entities that are erased from every file.

use std::collections::BTreeMap;

use base::Kind;
use ngsi::temporal::HistoryEdit;
use ports::{Forget as _, Past as _};
use store_suite::PlainArchive;

use super::*;
use crate::files::{Fault, Survival};
use crate::{check, restore};

const PARTS: [&str; 4] = ["", "log", "checkpoints", "history"];

/// A store of some batches, part of its history sealed.
fn rich(seed: u64) -> (MemoryFiles, EmbeddedStore) {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    let mut writer = Writer::new(seed);
    for n in 0..60 {
        runtime().block_on(store.commit(writer.batch())).unwrap();
        if n % 7 == 0 {
            store.shared.core.history.seal().unwrap();
        }
        if n % 25 == 0 {
            store.checkpoint().unwrap();
        }
    }
    (files, store)
}

fn says(store: &EmbeddedStore) -> Dump {
    runtime().block_on(dump(store))
}

/// The bytes of every file, by its path.
fn all_bytes(files: &MemoryFiles) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for part in PARTS {
        let dir = dir().join(part);
        for name in files.list(&dir).unwrap() {
            let path = dir.join(name);
            all.insert(path.clone(), files.read(&path).unwrap());
        }
    }
    all
}

fn history_bytes(files: &MemoryFiles) -> usize {
    let all = all_bytes(files);
    let history = all.iter().filter(|(path, _)| has_history(path));
    history.map(|(_, bytes)| bytes.len()).sum()
}

fn has_history(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "history")
}

#[test]
fn what_was_given_away_is_read_from_where_it_went_and_never_half() {
    let (files, store) = rich(3);
    let before = says(&store);
    let (bytes, archive) = (history_bytes(&files), PlainArchive::default());
    store.keep_in(Arc::new(archive.clone()));
    while archive.take_over(&store, 25).unwrap() {}
    assert_eq!(archive.until(), store.head());
    assert_eq!(store.pending_bytes(archive.until()), 0);
    assert!(archive.rows() > 50, "{} rows", archive.rows());
    assert_eq!(says(&store), before, "what is in both counts once");
    store.let_go(archive.until()).unwrap();
    assert_eq!(says(&store), before);
    let left = history_bytes(&files);
    assert!(left * 2 < bytes, "{left} bytes are left of {bytes}");
    drop(store);
    let store = open(&files, calm());
    let (tenant, span) = (Tenant::default(), Span::all(9));
    let alone = store.history(&tenant, "urn:e1", &span);
    let refused = runtime().block_on(alone).unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused}");
    store.keep_in(Arc::new(archive));
    assert_eq!(says(&store), before);
    drop(store);
    let report = check(Arc::new(files), &dir()).unwrap();
    assert!(report.is_sound() && report.given.is_some(), "{report}");
}

#[test]
fn a_crash_at_any_step_of_letting_go_loses_nothing() {
    let (files, store) = rich(5);
    let (archive, before) = (PlainArchive::default(), says(&store));
    store.keep_in(Arc::new(archive.clone()));
    while archive.take_over(&store, 25).unwrap() {}
    drop(store);
    let mut goes_on = true;
    let mut step = 0;
    while goes_on {
        goes_on = false;
        for fault in [Fault::Crash, Fault::Fail, Fault::Full] {
            let files = files.duplicate();
            let store = open(&files, calm());
            store.keep_in(Arc::new(archive.clone()));
            files.plan(files.steps() + step, fault);
            goes_on |= store.let_go(archive.until()).is_err();
            assert_eq!(says(&store), before, "step {step}, {fault:?}");
            drop(store);
            for survival in [Survival::None, Survival::All, Survival::Some(step)] {
                let found = files.after_crash(survival);
                let store = open(&found, calm());
                store.keep_in(Arc::new(archive.clone()));
                assert_eq!(says(&store), before, "step {step}, {fault:?}, {survival:?}");
                store.let_go(archive.until()).unwrap();
                assert_eq!(says(&store), before, "step {step}, {fault:?}, {survival:?}");
            }
        }
        step += 1;
    }
    assert!(step > 5, "{step} steps");
}

#[test]
fn a_backup_of_a_store_that_gave_history_away_goes_on_with_the_same_archive() {
    let (files, store) = rich(8);
    let (archive, before) = (PlainArchive::default(), says(&store));
    store.keep_in(Arc::new(archive.clone()));
    archive.take_over(&store, 40).unwrap();
    store.let_go(archive.until()).unwrap();
    let copied = archive.clone();
    let mut asked = None;
    let to = PathBuf::from("backup");
    let done = store.backup_with(&to, &mut |to| {
        asked = Some(to.to_owned());
        Err(Error::Closed)
    });
    assert!(done.is_err() && asked == Some(to.clone()));
    assert!(!files.list(&to).unwrap().contains(&"format".to_owned()));
    let to = PathBuf::from("whole");
    store.backup_with(&to, &mut |_| Ok(())).unwrap();
    let restored = PathBuf::from("restored");
    restore(Arc::new(files.clone()), &to, &restored, None).unwrap();
    let progress = watch::Sender::new(Progress::Ready);
    let copy = EmbeddedStore::open_in(Arc::new(files), &restored, calm(), &progress).unwrap();
    copy.keep_in(Arc::new(copied));
    assert_eq!(says(&copy), before);
}

const SUBJECT: &str = "urn:e3";

/// Deletes the subject and its history, as the door does.
fn delete(store: &EmbeddedStore) -> Vec<(Tenant, Name)> {
    let mut subjects = Vec::new();
    for tenant in ["", "city"].map(|name| Tenant::new(name).unwrap()) {
        let id = Name::from(SUBJECT);
        let found = runtime().block_on(store.read(&tenant, SUBJECT)).unwrap();
        let deletion = found.map(|_| Act::Entity {
            id: id.clone(),
            expect: Expect::Any,
            change: EntityChange::Delete {
                at: Time(9_000_000),
                types: vec![Name::from("Thing")],
            },
            around: Around::default(),
        });
        let edit = HistoryEdit::RemoveEntity;
        let removal = Act::History {
            id: id.clone(),
            edit,
        };
        let acts = deletion.into_iter().chain([removal]).collect();
        let batch = Batch {
            tenant: tenant.clone(),
            time: Time(9_000_000),
            acts,
            cursor: None,
        };
        runtime().block_on(store.commit(batch)).unwrap();
        subjects.push((tenant, id));
    }
    subjects
}

fn move_tails(store: &EmbeddedStore) {
    for tail in ["tail0", "tail1"] {
        let batch = Batch {
            cursor: Some((Name::from(tail), store.head())),
            ..batch(Vec::new())
        };
        runtime().block_on(store.commit(batch)).unwrap();
    }
}

fn names_subject(files: &MemoryFiles) -> Vec<PathBuf> {
    let all = all_bytes(files).into_iter();
    let hit = |bytes: &[u8]| {
        bytes
            .windows(SUBJECT.len())
            .any(|w| w == SUBJECT.as_bytes())
    };
    all.filter(|(_, bytes)| hit(bytes))
        .map(|(path, _)| path)
        .collect()
}

#[test]
fn an_erased_entity_is_in_no_file_and_the_others_are_untouched() {
    for gives in [false, true] {
        let (files, store) = rich(13);
        let archive = PlainArchive::default();
        if gives {
            store.keep_in(Arc::new(archive.clone()));
            archive.take_over(&store, 60).unwrap();
        }
        assert!(names_subject(&files).len() > 3, "it is in many files");
        let subjects = delete(&store);
        if gives {
            while archive.take_over(&store, u64::MAX).unwrap() {}
            store.let_go(archive.until()).unwrap();
        }
        let before = says(&store);
        let first = runtime().block_on(store.forget(&subjects)).unwrap();
        assert_eq!(
            first.waits_for,
            ["tail0", "tail1"],
            "the log stays for tails"
        );
        assert_eq!(says(&store), before);
        move_tails(&store);
        let done = runtime().block_on(store.forget(&subjects)).unwrap();
        assert!(done.waits_for.is_empty() && first.rewritten + done.rewritten > 0);
        assert_eq!(names_subject(&files), [] as [PathBuf; 0], "gives: {gives}");
        let (read, still) = runtime().block_on(store.remembers(&subjects)).unwrap();
        assert!(still.is_empty() && read > 0, "{still:?}");
        let state = runtime().block_on(sample::dump_state(&store));
        assert!(state.has_same_state(&before));
        drop(store);
        let store = open(&files, calm());
        store.keep_in(Arc::new(archive));
        assert_eq!(runtime().block_on(sample::dump_state(&store)), state);
        let mut writer = Writer::new(77);
        for _ in 0..20 {
            runtime().block_on(store.commit(writer.batch())).unwrap();
        }
        drop(store);
        let report = check(Arc::new(files), &dir()).unwrap();
        assert!(report.is_sound(), "{report}");
    }
}

#[test]
fn an_erasure_broken_off_at_any_step_can_be_said_again() {
    let (files, store) = rich(13);
    let subjects = delete(&store);
    move_tails(&store);
    let before = runtime().block_on(sample::dump_state(&store));
    drop(store);
    let mut step = 0;
    let mut goes_on = true;
    while goes_on {
        let files = files.duplicate();
        let store = open(&files, calm());
        files.plan(files.steps() + step, Fault::Crash);
        goes_on = runtime().block_on(store.forget(&subjects)).is_err();
        drop(store);
        for survival in [Survival::None, Survival::All, Survival::Some(step)] {
            let found = files.after_crash(survival);
            let store = open(&found, calm());
            let state = runtime().block_on(sample::dump_state(&store));
            assert_eq!(state, before, "step {step}, {survival:?}");
            let done = runtime().block_on(store.forget(&subjects)).unwrap();
            assert!(done.waits_for.is_empty(), "step {step}, {survival:?}");
            let left = names_subject(&found);
            assert!(left.is_empty(), "step {step}, {survival:?}: {left:?}");
        }
        step += 1;
    }
    assert!(step > 10, "{step} steps");
}

//! The engine: contracts, crashes at any step, damage and repair.

mod faults;
mod giving;
mod sample;

use std::path::PathBuf;

use base::{Name, Tenant, Time};
use ngsi::Query;
use ngsi::temporal::Span;
use ports::{Act, Around, Batch, EntityChange, Expect, Fact, Store as _, StoreError};
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;
use crate::files::MemoryFiles;
use sample::{Dump, Writer, attribute, dump, put};

fn dir() -> PathBuf {
    PathBuf::from("d")
}

/// Everything happens early: segments of 2 KiB, a checkpoint every 3.
fn eager() -> Settings {
    Settings {
        log: LogSettings {
            segment_bytes: 2_048,
            spares_max: 2,
        },
        checkpoint_log_bytes: 3_072,
        history_tail_bytes: 4_096,
        recent_bytes: 1_024,
        ..Settings::default()
    }
}

/// Nothing happens but when told to.
fn calm() -> Settings {
    Settings {
        log: eager().log,
        ..Settings::default()
    }
}

fn try_open(files: &MemoryFiles, settings: Settings) -> Result<EmbeddedStore, Error> {
    let progress = watch::Sender::new(Progress::Ready);
    EmbeddedStore::open_in(Arc::new(files.clone()), &dir(), settings, &progress)
}

fn open(files: &MemoryFiles, settings: Settings) -> EmbeddedStore {
    try_open(files, settings).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn batch(acts: Vec<Act>) -> Batch {
    Batch {
        tenant: Tenant::default(),
        time: Time(1_000),
        acts,
        cursor: None,
    }
}

#[test]
fn what_was_committed_is_there_after_a_restart_with_and_without_a_checkpoint() {
    for ending in ["dropped", "closed", "checkpoint"] {
        let files = MemoryFiles::new();
        let store = open(&files, calm());
        let mut writer = Writer::new(7);
        let before = runtime().block_on(async {
            for _ in 0..60 {
                store.commit(writer.batch()).await.unwrap();
            }
            dump(&store).await
        });
        match ending {
            "closed" => store.close(),
            "checkpoint" => store.checkpoint().unwrap(),
            _ => {}
        }
        drop(store);
        let store = open(&files, calm());
        assert_eq!(store.opened().replayed > 0, ending != "checkpoint");
        let after = runtime().block_on(dump(&store));
        assert_eq!(before, after, "{ending}");
        assert!(try_open(&files, calm()).is_err_and(|e| matches!(e, Error::InUse(_))));
    }
}

#[test]
fn expectations_hold_or_nothing_of_the_batch_is_written() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    runtime().block_on(async {
        let first = store
            .commit(batch(vec![put("a", 1, Expect::Absent)]))
            .await
            .unwrap();
        let stale = batch(vec![put("b", 1, Expect::Any), put("a", 2, Expect::Absent)]);
        let refused = store.commit(stale).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict { id } if id == "a"));
        assert_eq!(store.read(&Tenant::default(), "b").await.unwrap(), None);
        assert_eq!(store.head(), first.last);
        let twice = vec![
            put("a", 2, Expect::At(first.last)),
            put("a", 3, Expect::At(first.last)),
        ];
        let done = store.commit(batch(twice)).await.unwrap();
        assert_eq!((done.first, done.last), (Seq(2), Seq(3)));
        let found = store.read(&Tenant::default(), "a").await.unwrap().unwrap();
        assert_eq!(found.seq, Seq(3));
        let delta = ngsi::Delta {
            set: vec![attribute("x", json!(1), 5)],
            ..Default::default()
        };
        let change = EntityChange::Patch { delta };
        let orphan = Act::Entity {
            id: Name::from("nobody"),
            expect: Expect::Any,
            change,
            around: Around::default(),
        };
        store.commit(batch(vec![orphan])).await.unwrap_err();
    });
}

#[test]
fn batches_in_flight_together_see_each_other() {
    let files = MemoryFiles::new();
    let store = Arc::new(open(&files, calm()));
    runtime().block_on(async {
        let all = (0..50).map(|n| {
            let store = Arc::clone(&store);
            async move {
                store
                    .commit(batch(vec![put("one", n, Expect::Absent)]))
                    .await
            }
        });
        let outcomes = futures_util::future::join_all(all).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(store.head(), Seq(1));
    });
}

#[test]
fn changes_come_in_order_from_memory_and_from_the_log() {
    let files = MemoryFiles::new();
    let store = open(
        &files,
        Settings {
            recent_bytes: 600,
            ..calm()
        },
    );
    let mut writer = Writer::new(3);
    runtime().block_on(async {
        for _ in 0..80 {
            store.commit(writer.batch()).await.unwrap();
        }
        let all = store.changes(Seq::ZERO, usize::MAX).await.unwrap();
        assert_eq!(all.len() as u64, store.head().0);
        assert!(
            all.iter()
                .zip(1..)
                .all(|(change, seq)| change.seq == Seq(seq))
        );
        for after in 0..all.len() {
            for limit in [1, 3, 1_000] {
                let some = store.changes(Seq(after as u64), limit).await.unwrap();
                let end = all.len().min(after + limit);
                assert_eq!(some, all[after..end], "after {after}, {limit}");
            }
        }
    });
}

#[test]
fn a_tail_that_keeps_up_finds_the_entity_before_and_after_a_change() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    let mut act = put("urn:a", 1, Expect::Absent);
    let Act::Entity { change, around, .. } = &mut act else {
        unreachable!("a put is of an entity");
    };
    let EntityChange::Put(entity) = change else {
        unreachable!("a put is one");
    };
    let entity = Arc::clone(entity);
    around.before = Some(Arc::clone(&entity));
    let batch = Batch {
        acts: vec![act],
        ..Writer::new(3).batch()
    };
    runtime().block_on(async {
        store.commit(batch).await.unwrap();
        let told = store.changes(Seq::ZERO, 1).await.unwrap();
        let remembered = told.iter().any(|change| match &change.fact {
            Fact::Entity { around, .. } => {
                let before = around.before.as_ref();
                before.is_some_and(|before| Arc::ptr_eq(before, &entity))
            }
            _ => false,
        });
        assert!(remembered, "{told:?}");
    });
}

#[test]
fn beyond_waits_and_says_when_nothing_more_comes() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    runtime().block_on(async {
        let commit = async {
            tokio::task::yield_now().await;
            store
                .commit(batch(vec![put("a", 1, Expect::Any)]))
                .await
                .unwrap();
        };
        let (seen, ()) = tokio::join!(store.beyond(Seq::ZERO), commit);
        assert_eq!(seen.unwrap(), Seq(1));
        store.close();
        store.beyond(Seq(1)).await.unwrap_err();
        let refused = store.commit(batch(Vec::new())).await.unwrap_err();
        assert_eq!(refused.kind(), base::Kind::Unavailable);
        assert_eq!(*store.health().borrow(), Health::Closed);
    });
}

#[test]
fn a_full_queue_makes_writers_wait_and_loses_none() {
    let files = MemoryFiles::new();
    let settings = Settings {
        queue_bytes: 2_048,
        group_bytes: 100,
        ..calm()
    };
    let store = Arc::new(open(&files, settings));
    runtime().block_on(async {
        let all = (0..200).map(|n| {
            let store = Arc::clone(&store);
            async move {
                store
                    .commit(batch(vec![put(&format!("e{n}"), n, Expect::Absent)]))
                    .await
            }
        });
        let outcomes = futures_util::future::join_all(all).await;
        let mut seqs: Vec<Seq> = outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap().last)
            .collect();
        seqs.sort();
        assert!(seqs.iter().zip(1..).all(|(seq, n)| *seq == Seq(n)));
        assert_eq!(
            store
                .count(&Tenant::default(), &Query::default())
                .await
                .unwrap(),
            200
        );
    });
}

#[test]
fn a_batch_too_large_for_the_log_is_refused_and_the_store_goes_on() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    runtime().block_on(async {
        let large = json!("x".repeat(65 << 20));
        let set = vec![attribute("x", large, 1)];
        let types = Vec::new();
        let edit = ngsi::temporal::HistoryEdit::Add {
            types,
            scope: Vec::new(),
            instances: set,
        };
        let act = Act::History {
            id: Name::from("a"),
            edit,
        };
        let refused = store.commit(batch(vec![act])).await.unwrap_err();
        assert_eq!(refused.kind(), base::Kind::Limit);
        store
            .commit(batch(vec![put("a", 1, Expect::Any)]))
            .await
            .unwrap();
    });
}

#[test]
fn tenants_are_worlds_apart() {
    let files = MemoryFiles::new();
    let store = open(&files, calm());
    runtime().block_on(async {
        let city = Tenant::new("city").unwrap();
        let other = Batch {
            tenant: city.clone(),
            ..batch(vec![put("a", 2, Expect::Absent)])
        };
        store
            .commit(batch(vec![put("a", 1, Expect::Absent)]))
            .await
            .unwrap();
        store.commit(other).await.unwrap();
        let found = store.read(&city, "a").await.unwrap().unwrap();
        assert_eq!(found.seq, Seq(2));
        assert_eq!(
            store.tenants().await.unwrap(),
            [Tenant::default(), city.clone()]
        );
        assert_eq!(store.count(&city, &Query::default()).await.unwrap(), 1);
        let nobody = Tenant::new("nobody").unwrap();
        assert_eq!(store.read(&nobody, "a").await.unwrap(), None);
        assert!(
            store
                .history(&nobody, "a", &Span::all(9))
                .await
                .unwrap()
                .is_none()
        );
    });
}

#[test]
fn a_folder_of_another_version_is_refused() {
    let files = MemoryFiles::new();
    drop(open(&files, calm()));
    files
        .write_whole(&dir(), "format", b"chorsu store 99\n")
        .unwrap();
    let error = try_open(&files, calm()).unwrap_err();
    assert!(error.to_string().contains("chorsu store 99"), "{error}");
    files.remove(&dir().join("format")).unwrap();
    assert!(matches!(
        try_open(&files, calm()).unwrap_err(),
        Error::Format { .. }
    ));
}

#[test]
fn log_that_no_start_needs_is_given_back_but_for_what_slow_tails_are_granted() {
    for slow in [false, true] {
        let files = MemoryFiles::new();
        let lag_bytes = if slow { 1 << 20 } else { 0 };
        let store = open(
            &files,
            Settings {
                recent_bytes: 100,
                lag_bytes,
                ..calm()
            },
        );
        let mut writer = Writer::new(5);
        runtime().block_on(async {
            for n in 0..150 {
                store.commit(writer.batch()).await.unwrap();
                if n % 50 == 49 {
                    store.checkpoint().unwrap();
                }
            }
            assert_eq!(store.shared.log.first() == Seq(1), slow);
            assert_eq!(files.list(&dir().join("checkpoints")).unwrap().len(), 2);
            let all = store.changes(Seq::ZERO, usize::MAX).await;
            assert_eq!(all.is_ok(), slow);
        });
    }
}

#[test]
fn many_writers_at_once_lose_nothing_while_checkpoints_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let progress = watch::Sender::new(Progress::Ready);
    let settings = Settings {
        checkpoint_log_bytes: 20_000,
        ..eager()
    };
    let store = EmbeddedStore::open(dir.path(), settings.clone(), &progress).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let store = Arc::new(store);
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(&store);
        async move {
            for n in 0..100 {
                let acts = vec![put(&format!("e{writer}-{}", n % 10), n, Expect::Any)];
                store.commit(batch(acts)).await.unwrap();
            }
        }
    });
    let before: Dump = runtime.block_on(async {
        futures_util::future::join_all(writers).await;
        dump(&store).await
    });
    assert_eq!(store.head(), Seq(800));
    store.close();
    drop(store);
    let store = EmbeddedStore::open(dir.path(), settings, &progress).unwrap();
    let after = runtime.block_on(dump(&store));
    assert_eq!(before, after);
}

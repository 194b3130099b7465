//! The log under faults: every crash point, every flipped bit, a full disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Kind, Seq};

use super::*;
use crate::files::{Fault as DiskFault, MemoryFiles, Survival};

const SMALL: LogSettings = LogSettings {
    segment_bytes: 300,
    spares_max: 2,
};

fn dir() -> PathBuf {
    PathBuf::from("log")
}

type Seen = Vec<(Seq, u32, Vec<u8>)>;

fn open(files: &MemoryFiles, after: Seq) -> Result<(Log, Seen), Error> {
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let mut seen = Vec::new();
    let log = Log::open(&files, &dir(), SMALL, after, &mut |record| {
        seen.push((record.seq, record.count, record.bytes.to_vec()));
        Ok(())
    })?;
    Ok((log, seen))
}

/// The content of the n-th record of the histories below.
fn content(n: u32) -> Vec<u8> {
    format!("record {n} {}", "x".repeat(n as usize * 7 % 60)).into_bytes()
}

/// Appends records first.. one to three to a group; the number that was acknowledged.
fn write(log: &mut Log, first: u32, end: u32) -> (u32, Result<(), Error>) {
    let mut n = first;
    while n < end {
        let mut group = Group::new();
        let until = (n + 1 + n % 3).min(end);
        (n..until).for_each(|n| group.push(n % 3, &content(n)));
        if let Err(error) = log.append(&mut group) {
            return (n, Err(error));
        }
        n = until;
    }
    (n, Ok(()))
}

/// What replay must show of the first `n` records.
fn expected(n: u32) -> Seen {
    let mut seq = 1;
    (0..n)
        .map(|n| {
            let record = (Seq(seq), n % 3, content(n));
            seq += u64::from(n % 3);
            record
        })
        .collect()
}

/// Those that take Seqs: where a segment begins, records that take none may stand before or behind.
fn counted(records: impl IntoIterator<Item = (Seq, u32, Vec<u8>)>) -> Seen {
    records
        .into_iter()
        .filter(|(_, count, _)| *count > 0)
        .collect()
}

#[test]
fn what_was_appended_is_read_back_over_many_segments() {
    let files = MemoryFiles::new();
    let (mut log, seen) = open(&files, Seq::ZERO).unwrap();
    assert!(seen.is_empty());
    write(&mut log, 0, 40).1.unwrap();
    assert!(files.list(&dir()).unwrap().len() > 3);
    drop(log);
    let (mut log, seen) = open(&files, Seq::ZERO).unwrap();
    assert_eq!(seen, expected(40));
    write(&mut log, 40, 60).1.unwrap();
    let (_, seen) = open(&files, Seq::ZERO).unwrap();
    assert_eq!(seen, expected(60));
    let (_, seen) = open(&files, Seq(30)).unwrap();
    let tail: Seen = expected(60)
        .into_iter()
        .filter(|(seq, ..)| *seq > Seq(30))
        .collect();
    assert_eq!(seen, tail);
}

#[test]
fn a_reader_finds_any_change_and_stops_when_told() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 60).1.unwrap();
    let all = expected(60);
    for reopened in [false, true] {
        let log = if reopened {
            &open(&files, Seq(50)).unwrap().0
        } else {
            &log
        };
        let reader = log.reader();
        for from in 1..=55 {
            let mut seen = Vec::new();
            reader
                .read_from(Seq(from), &mut |record| {
                    seen.push((record.seq, record.count, record.bytes.to_vec()));
                    Ok(if seen.len() == 5 {
                        Walk::Stop
                    } else {
                        Walk::Go
                    })
                })
                .unwrap();
            let wanted = counted(
                all.iter()
                    .filter(|(seq, count, _)| seq.0 + u64::from(*count) > from)
                    .cloned(),
            );
            let seen = counted(seen);
            assert!(!seen.is_empty() && wanted.starts_with(&seen), "from {from}");
        }
    }
}

#[test]
fn released_segments_are_written_again_and_their_old_bytes_are_never_replayed() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    let mut at = 0;
    for _ in 0..6 {
        let (end, result) = write(&mut log, at, at + 20);
        result.unwrap();
        at = end;
        log.reader().release(log.next()).unwrap();
        let after = Seq(log.reader().first().0 - 1);
        let (_, seen) = open(&files.duplicate(), after).unwrap();
        let tail = expected(at).into_iter().filter(|(seq, ..)| *seq > after);
        assert_eq!(counted(seen), counted(tail));
    }
    let names = files.list(&dir()).unwrap();
    assert!(
        names
            .iter()
            .filter(|name| has_extension(name, "spare"))
            .count()
            <= 2,
        "{names:?}"
    );
    let gone = log
        .reader()
        .read_from(Seq(1), &mut |_| Ok(Walk::Go))
        .unwrap_err();
    assert!(matches!(gone, Error::Trimmed(_)), "{gone}");
    let gone = open(&files, Seq::ZERO).unwrap_err();
    assert!(matches!(gone, Error::Trimmed(_)), "{gone}");
}

/// One history with two openings and a release, against a disk that may fail at any step.
fn history(files: &MemoryFiles) -> (u32, Result<(), Error>) {
    let mut acknowledged = 0;
    let result = (|| {
        let (mut log, _) = open(files, Seq::ZERO)?;
        let (n, result) = write(&mut log, 0, 14);
        acknowledged = n;
        result?;
        drop(log);
        let (mut log, _) = open(files, Seq::ZERO)?;
        let (n, result) = write(&mut log, 14, 24);
        acknowledged = n;
        result?;
        log.reader().release(Seq(12))?;
        let (n, result) = write(&mut log, 24, 40);
        acknowledged = n;
        result
    })();
    (acknowledged, result)
}

/// After a crash the acknowledged records are there, then perhaps the group that was in flight.
fn assert_recovers(found: &MemoryFiles, acknowledged: u32, why: &str) {
    let (_, seen) = match open(found, Seq::ZERO) {
        Err(Error::Trimmed(seq)) => {
            assert!(seq < Seq(12), "{why}: {seq} was not released");
            open(found, seq).unwrap()
        }
        other => other.unwrap_or_else(|error| panic!("{why}: {error}")),
    };
    let first = seen.first().cloned();
    let is_before = |record: &&_| first.as_ref().is_some_and(|first| first != *record);
    let skipped = expected(40).iter().take_while(is_before).count();
    let whole = skipped + seen.len();
    let wanted = expected(40).split_off(skipped);
    assert_eq!(seen.as_slice(), &wanted[..seen.len()], "{why}");
    let acknowledged = acknowledged as usize;
    assert!(
        (acknowledged..=acknowledged + 3).contains(&whole),
        "{why}: {whole} of {acknowledged}"
    );
}

#[test]
fn every_crash_point_recovers_what_was_acknowledged() {
    let calm = MemoryFiles::new();
    history(&calm).1.unwrap();
    let survivals = [Survival::None, Survival::All]
        .into_iter()
        .chain((0..6).map(Survival::Some));
    let survivals: Vec<Survival> = survivals.collect();
    for step in 0..calm.steps() {
        let files = MemoryFiles::new();
        files.plan(step, DiskFault::Crash);
        let (acknowledged, result) = history(&files);
        result.unwrap_err();
        for survival in &survivals {
            let why = format!("step {step}, {survival:?}");
            let found = files.after_crash(*survival);
            assert_recovers(&found, acknowledged, &why);
            // What recovery wrote must itself survive a crash.
            assert_recovers(&found.after_crash(Survival::None), acknowledged, &why);
        }
    }
}

#[test]
fn a_failed_step_poisons_and_loses_nothing_acknowledged() {
    let calm = MemoryFiles::new();
    history(&calm).1.unwrap();
    for step in 0..calm.steps() {
        for fault in [DiskFault::Fail, DiskFault::FailForever] {
            let files = MemoryFiles::new();
            files.plan(step, fault);
            let (acknowledged, _) = history(&files);
            assert_recovers(
                &files.after_crash(Survival::None),
                acknowledged,
                "failed step",
            );
            assert_recovers(&files.duplicate(), acknowledged, "failed step");
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 1).1.unwrap();
    files.plan(files.steps() + 1, DiskFault::Fail);
    assert!(matches!(
        write(&mut log, 1, 2).1,
        Err(Error::Io { doing: "sync", .. })
    ));
    assert!(log.is_poisoned());
    let steps = files.steps();
    assert!(matches!(write(&mut log, 1, 2).1, Err(Error::Poisoned)));
    assert_eq!(files.steps(), steps, "the disk is not touched again");
}

#[test]
fn a_full_disk_refuses_and_the_log_goes_on_once_there_is_room() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 20).1.unwrap();
    files.plan(files.steps(), DiskFault::Full);
    let (n, result) = write(&mut log, 20, 40);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(!log.is_poisoned());
    drop(log);
    let (mut log, seen) = open(&files.duplicate(), Seq::ZERO).unwrap();
    assert_eq!(seen, expected(n));
    write(&mut log, n, 40).1.unwrap();
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 14).1.unwrap();
    let current = log.current.path.clone();
    let end = log.current.offset;
    drop(log);
    let names = files.list(&dir()).unwrap();
    assert!(names.len() >= 2);
    for name in &names {
        let path = dir().join(name);
        let len = files.read(&path).unwrap().len();
        for offset in 0..len {
            if offset > 700 {
                break;
            }
            flip(&files, &path, offset, (path == current, end));
        }
    }
}

fn flip(files: &MemoryFiles, path: &Path, offset: usize, (is_last, end): (bool, u64)) {
    let bad = files.duplicate();
    bad.damage(path, offset, 1 << (offset % 8));
    let why = format!("{} at {offset}", path.display());
    match open(&bad, Seq::ZERO) {
        Err(Error::Corrupt {
            file,
            offset: found,
            ..
        }) => {
            assert_eq!(file, path, "{why}");
            assert!(found <= offset as u64, "{why}: said {found}");
            let survey = survey(&bad, &dir()).unwrap();
            assert!(!survey.faults.is_empty(), "{why}");
            assert_eq!(survey.faults[0].file, path);
        }
        // The last frame cannot be told from a torn one; behind it, and in padding, nothing counts.
        Ok((log, seen)) => {
            assert_eq!(seen.as_slice(), &expected(14)[..seen.len()], "{why}");
            assert!(seen.len() == 14 || is_last, "{why}");
            if seen.len() < 14 {
                assert!(
                    log.current.offset <= offset as u64 && (offset as u64) < end,
                    "{why}"
                );
            }
        }
        Err(other) => panic!("{why}: {other}"),
    }
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 3).1.unwrap();
    let (path, end) = (log.current.path.clone(), log.current.offset);
    drop(log);
    let offset = usize::try_from(end).unwrap() - 16;
    files.damage(&path, offset, 1);
    let (mut log, seen) = open(&files, Seq::ZERO).unwrap();
    assert_eq!(seen, expected(1));
    let torn = log.torn().unwrap().clone();
    assert_eq!(torn.file, path);
    write(&mut log, 1, 3).1.unwrap();
    let (log, seen) = open(&files, Seq::ZERO).unwrap();
    assert_eq!(seen, expected(3));
    assert_eq!(log.torn(), None);
}

#[test]
fn a_cut_keeps_what_comes_before_it_even_within_a_group() {
    for keep in 0..30 {
        let files = MemoryFiles::new();
        let (mut log, _) = open(&files, Seq::ZERO).unwrap();
        write(&mut log, 0, 30).1.unwrap();
        drop(log);
        let mut n = 0;
        let is_cut = cut(&files, &dir(), &mut |_| {
            n += 1;
            Ok(n > keep)
        });
        assert!(is_cut.unwrap());
        let (mut log, seen) = open(&files, Seq::ZERO).unwrap();
        assert_eq!(seen, expected(keep));
        write(&mut log, keep, 40).1.unwrap();
        assert_eq!(open(&files, Seq::ZERO).unwrap().1, expected(40));
    }
}

#[test]
fn damage_is_surveyed_with_what_lies_behind_it_and_cut_when_told() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 30).1.unwrap();
    drop(log);
    let first = dir().join(segment::name(1));
    files.damage(&first, 64 + 40, 0xff);
    let found = survey(&files, &dir()).unwrap();
    assert_eq!(found.faults.len(), 1, "{found:?}");
    let fault = &found.faults[0];
    assert_eq!((&fault.file, fault.offset), (&first, 64));
    assert!(fault.changes_behind > 0);
    assert!(cut(&files, &dir(), &mut |_| Ok(false)).unwrap());
    let (_, seen) = open(&files, Seq::ZERO).unwrap();
    assert!(seen.is_empty());
    assert!(
        files
            .list(&dir())
            .unwrap()
            .iter()
            .any(|name| has_extension(name, "lost"))
    );
}

#[test]
fn records_that_take_no_seq_are_replayed_though_a_new_segment_began_behind_them() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    for (count, length) in [(3, 10), (0, 100), (1, 10)] {
        let mut group = Group::new();
        group.push(count, &vec![7; length]);
        log.append(&mut group).unwrap();
    }
    assert_eq!(log.current.epoch, 2);
    let counts: Vec<u32> = open(&files, Seq(3))
        .unwrap()
        .1
        .iter()
        .map(|(_, count, _)| *count)
        .collect();
    assert_eq!(counts, [0, 1]);
}

#[test]
fn a_missing_segment_is_damage() {
    let files = MemoryFiles::new();
    let (mut log, _) = open(&files, Seq::ZERO).unwrap();
    write(&mut log, 0, 40).1.unwrap();
    drop(log);
    files.remove(&dir().join(segment::name(2))).unwrap();
    assert!(matches!(
        open(&files, Seq::ZERO).unwrap_err(),
        Error::Corrupt { .. }
    ));
    assert_eq!(survey(&files, &dir()).unwrap().faults.len(), 1);
}

//! The history against a naive model, through seals, merges, crashes and damage.

mod at_hand;
mod counting;
mod plain;
mod steps;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use base::Time;
use ngsi::temporal::{Bound, Head, HistoryEdit, Span};
use ngsi::{Attribute, AttributeValue, Delta};
use ports::{Change, EntityChange, Fact};
use proptest::collection::vec;
use proptest::prelude::*;

use self::counting::Counting;
use self::plain::Plain;
use self::steps::{Step, span, step};
use super::*;
use crate::files::{Fault, MemoryFiles, Survival};
use store_suite::PlainArchive;

/// A change, the entity before it, and where the instance is that it is of.
type Logged = (Change, Option<(Entity, Seq)>, Option<Sighting>);

/// The model, the history under test, and the log that both come from.
#[derive(Debug)]
struct World {
    files: MemoryFiles,
    history: History,
    plain: BTreeMap<(Tenant, Name), Plain>,
    log: Vec<Logged>,
    archive: PlainArchive,
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

fn dir() -> PathBuf {
    PathBuf::from("d")
}

fn open(files: &MemoryFiles) -> Result<History, Error> {
    History::open(Arc::new(files.clone()), &dir())
}

fn live(plain: &Plain) -> Live<'_> {
    plain.live.as_ref().map(|(entity, seq)| (entity, *seq))
}

impl World {
    fn new() -> Self {
        let files = MemoryFiles::new();
        let history = open(&files).expect("an empty folder opens");
        Self {
            files,
            history,
            plain: BTreeMap::new(),
            log: Vec::new(),
            archive: PlainArchive::default(),
        }
    }

    /// The change that a step means for one of four entities of two tenants.
    fn fact(&self, place: &(Tenant, Name), step: Step, at: Time) -> Option<Fact> {
        let plain = self.plain.get(place).cloned().unwrap_or_default();
        let id = place.1.clone();
        let entity = |change| {
            let (id, around) = (id.clone(), ports::Around::default());
            Some(Fact::Entity { id, change, around })
        };
        let edit = |edit| {
            Some(Fact::History {
                id: id.clone(),
                edit,
            })
        };
        match step {
            Step::Put(attributes) => entity(EntityChange::Put(Arc::new(Entity {
                scope: vec!["/s".into()],
                created_at: plain.live.map_or(at, |(entity, _)| entity.created_at),
                modified_at: at,
                attributes,
                ..bare(&id)
            }))),
            Step::Patch(set, gone) => {
                let before = plain.live?.0;
                let kept = |a: &&Attribute| gone && !set.iter().any(|s| s.key() == a.key());
                let remove = before
                    .attributes
                    .iter()
                    .filter(kept)
                    .map(Attribute::key)
                    .collect();
                let delta = Delta {
                    modified_at: at,
                    set,
                    remove,
                    ..Delta::default()
                };
                entity(EntityChange::Patch { delta })
            }
            Step::Delete => {
                let types = plain.live?.0.types;
                entity(EntityChange::Delete { at, types })
            }
            Step::Add(instances, other) => edit(HistoryEdit::Add {
                types: vec![if other { "U" } else { "T" }.into()],
                scope: if other { vec!["/u".into()] } else { Vec::new() },
                instances,
            }),
            Step::RemoveAttribute(all) => edit(HistoryEdit::RemoveAttribute {
                name: "a".into(),
                dataset_id: if all { None } else { Some(None) },
            }),
            Step::RemoveInstance(n) => {
                let ids = plain.ids();
                let (name, instance) = ids.get(n.checked_rem(ids.len())?)?.clone();
                edit(HistoryEdit::RemoveInstance { name, instance })
            }
            Step::ReplaceInstance(n, attribute) => {
                let mut ids = plain.ids();
                ids.retain(|(name, _)| *name == attribute.name);
                let (_, instance) = *ids.get(n.checked_rem(ids.len())?)?;
                let attribute = *attribute;
                edit(HistoryEdit::ReplaceInstance {
                    instance,
                    attribute,
                })
            }
            Step::RemoveEntity => edit(HistoryEdit::RemoveEntity),
            _ => None,
        }
    }

    fn step(&mut self, who: u8, step: Step) -> Result<(), Error> {
        match &step {
            Step::Seal => self.history.seal().map(drop)?,
            Step::Merge => while self.history.merge()? {},
            Step::Reopen => self.reopen()?,
            Step::Give(rows, go) => self.give(*rows, *go)?,
            _ => {}
        }
        let tenant = Tenant::new(if who & 1 == 0 { "" } else { "t" }).expect("a tenant");
        let place = (
            tenant.clone(),
            Name::from(if who & 2 == 0 { "urn:e" } else { "urn:f" }),
        );
        let time = Time(i64::try_from(self.log.len()).expect("few") / 3);
        let Some(fact) = self.fact(&place, step, time) else {
            return Ok(());
        };
        let seq = Seq(self.log.len() as u64 + 1);
        let change = Change {
            seq,
            tenant,
            time,
            fact,
        };
        let seen = self.seen(&change)?;
        let plain = self.plain.entry(place).or_default();
        let before = plain.live.clone();
        plain.apply(&change);
        self.log
            .push((change.clone(), before.clone(), seen.clone()));
        let before = before.as_ref().map(|(entity, seq)| (entity, *seq));
        self.history.apply(&change, before, seen.as_ref())
    }

    /// Opens anew what is on disk and replays the whole log.
    fn reopen(&mut self) -> Result<(), Error> {
        self.history = open(&self.files)?;
        let gives = self.archive.until() > Seq::ZERO;
        if gives {
            self.history.lend();
        }
        for (change, before, seen) in &self.log {
            let before = before.as_ref().map(|(entity, seq)| (entity, *seq));
            self.history.apply(change, before, seen.as_ref())?;
        }
        if gives {
            self.attach();
        }
        Ok(())
    }

    fn check(&self, span: &Span) {
        for ((tenant, id), plain) in &self.plain {
            let read = self
                .history
                .read(tenant, id, live(plain), span)
                .expect("it reads");
            assert_eq!(read, plain.read(span), "{tenant} {id} {span:?}");
        }
    }

    fn check_heads(&self, types: &[Name], limit: usize) {
        for tenant in [Tenant::default(), Tenant::new("t").expect("a tenant")] {
            let of = |t: &[Name]| types.is_empty() || t.iter().any(|t| types.contains(t));
            let mine = || self.plain.iter().filter(|((t, _), _)| *t == tenant);
            let heads = mine().filter_map(|(_, plain)| plain.head.clone());
            let expected: Vec<Head> = heads.filter(|h| of(&h.types)).collect();
            let mut found: Vec<Head> = Vec::new();
            loop {
                let after = found.last().map(|head| head.id.to_string());
                let after = after.as_deref();
                let page = |after: Option<&str>, limit: usize| {
                    let all = mine().filter(|((_, id), _)| after.is_none_or(|a| **id > *a));
                    let live = all.filter_map(|(_, plain)| plain.live.clone());
                    let live = live.filter(|(entity, _)| of(&entity.types)).take(limit);
                    Ok(live.map(|(entity, seq)| (Arc::new(entity), seq)).collect())
                };
                let seq = |id: &str| {
                    let plain = self.plain.get(&(tenant.clone(), id.into()))?;
                    plain.live.as_ref().map(|(_, seq)| *seq)
                };
                let heads = self
                    .history
                    .heads(&tenant, types, after, limit, (page, seq));
                let heads = heads.expect("heads are in memory");
                if heads.is_empty() {
                    break;
                }
                found.extend(heads);
            }
            assert_eq!(found, expected, "{tenant}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn history_is_what_the_naive_model_says(
        steps in vec((0u8..4, step()), 0..60), spans in vec(span(), 1..12),
    ) {
        let mut world = World::new();
        for (who, step) in steps {
            world.step(who, step).expect("no fault is planned");
        }
        for span in &spans {
            world.check(span);
        }
        world.check_heads(&[], 1);
        world.check_heads(&["U".into()], 2);
        world.step(0, Step::Seal).expect("no fault is planned");
        world.step(0, Step::Reopen).expect("no fault is planned");
        for span in &spans {
            world.check(span);
        }
        world.check_heads(&["T".into()], 3);
    }

    #[test]
    fn a_crash_anywhere_loses_nothing_that_the_log_still_has(
        steps in vec((0u8..4, step()), 20..50), at in 0u64..60, seed in any::<u64>(),
        fault in prop_oneof![Just(Fault::Crash), Just(Fault::Fail), Just(Fault::Full)],
    ) {
        let mut world = World::new();
        world.files.plan(world.files.steps() + at, fault);
        let mut covered = Seq::ZERO;
        for (who, step) in steps {
            let _perhaps_the_fault = world.step(who, step);
            covered = covered.max(world.history.covered());
        }
        for survival in [Survival::None, Survival::All, Survival::Some(seed)] {
            world.files = world.files.after_crash(survival);
            world.step(0, Step::Reopen).expect("it opens after a crash");
            assert!(world.history.covered() >= covered, "a seal that was reported is kept");
            world.check(&Span::all(usize::MAX));
            world.step(0, Step::Seal).expect("it seals after a crash");
            while world.history.merge().expect("it merges after a crash") {}
            world.check(&Span::all(usize::MAX));
        }
    }
}

#[test]
fn any_damaged_byte_is_found_or_without_effect() {
    let mut world = World::new();
    for n in 0..40u32 {
        let mut attribute = Attribute::new("a".into(), AttributeValue::Property(n.into()));
        attribute.observed_at = Some(Time(n.into()));
        world.step(0, Step::Put(vec![attribute])).unwrap();
    }
    world.step(1, Step::Add(Vec::new(), true)).unwrap();
    world.history.seal().unwrap();
    let [name] = &*world.files.list(&dir()).unwrap() else {
        panic!("one segment")
    };
    let path = dir().join(name);
    let len = world.files.read(&path).unwrap().len();
    let span = Span::all(100);
    let plain = &world.plain[&(Tenant::default(), "urn:e".into())];
    for at in 0..len {
        let files = world.files.duplicate();
        files.damage(&path, at, 0x10);
        let history = open(&files);
        let read = history.and_then(|h| h.read(&Tenant::default(), "urn:e", live(plain), &span));
        assert!(
            matches!(read, Err(Error::Corrupt { .. })),
            "byte {at}: {read:?}"
        );
    }
}

#[test]
fn the_bytes_of_a_segment_are_these() {
    let mut world = World::new();
    world.step(0, Step::RemoveEntity).unwrap();
    world.step(2, Step::Add(Vec::new(), true)).unwrap();
    for (seq, observed) in [(3, 1_000), (4, 2_000)] {
        let change = reading(seq, &"urn:e".into(), &"a".into(), observed);
        world.history.apply(&change, None, None).unwrap();
    }
    world.history.seal().unwrap();
    let names = world.files.list(&dir()).unwrap();
    assert_eq!(names, ["00000000000000000001-00000000000000000004.history"]);
    let bytes = world.files.read(&dir().join(&names[0])).unwrap();
    expect_test::expect!["43484953544f520100060075726e3a6502000b0ad00fc801061e8a00020a1a23308901040002015501610100060075726e3a650200d00f160100060075726e3a650101000200060075726e3a6501000501660201010101022f75000022000000000000003a00000000000000ecebbf5943484531"].assert_eq(&hex(&bytes));
}

#[test]
fn a_lost_segment_is_said() {
    let mut world = World::new();
    for _ in 0..3 {
        world.step(0, Step::Put(Vec::new())).unwrap();
        world.history.seal().unwrap();
    }
    let names = world.files.list(&dir()).unwrap();
    world.files.remove(&dir().join(&names[1])).unwrap();
    assert!(matches!(open(&world.files), Err(Error::Corrupt { .. })));
}

/// A change that sets one number.
fn reading(seq: u64, id: &Name, name: &Name, observed: i64) -> Change {
    let at = Time(observed + 100);
    let value = f64::from(u32::try_from(seq % 90).unwrap()) / 2.0;
    let mut attribute = Attribute::new(name.clone(), AttributeValue::Property(value.into()));
    attribute.observed_at = Some(Time(observed));
    attribute.modified_at = at;
    let delta = Delta {
        modified_at: at,
        set: vec![attribute],
        ..Delta::default()
    };
    let fact = Fact::Entity {
        id: id.clone(),
        change: EntityChange::Patch { delta },
        around: ports::Around::default(),
    };
    Change {
        seq: Seq(seq),
        tenant: Tenant::default(),
        time: at,
        fact,
    }
}

/// An entity that says nothing.
fn bare(id: &Name) -> Entity {
    Entity {
        id: id.clone(),
        types: vec!["T".into()],
        scope: Vec::new(),
        created_at: Time(0),
        modified_at: Time(0),
        expires_at: None,
        attributes: Vec::new(),
    }
}

#[test]
fn a_long_series_is_read_in_part_only() {
    let (id, name): (Name, Name) = ("urn:e".into(), "a".into());
    let bytes = Arc::new(AtomicU64::new(0));
    let files = Counting(MemoryFiles::new(), Arc::clone(&bytes));
    let history = History::open(Arc::new(files), &dir()).unwrap();
    for seq in 1..=100_000 {
        let change = reading(seq, &id, &name, seq.cast_signed() * 1_000);
        history.apply(&change, None, None).unwrap();
        if seq == 50_000 || seq == 99_000 {
            history.seal().unwrap();
        }
    }
    let entity = bare(&id);
    let read = |span: &Span| {
        bytes.store(0, Ordering::Relaxed);
        let live = Some((&entity, Seq(100_000)));
        let evolution = history
            .read(&Tenant::default(), &id, live, span)
            .unwrap()
            .unwrap();
        let seqs: Vec<u64> = evolution.series[0]
            .instances
            .iter()
            .map(|i| i.id.seq.0)
            .collect();
        (
            seqs,
            evolution.series[0].is_cut,
            bytes.load(Ordering::Relaxed),
        )
    };
    let last = Span {
        last: true,
        ..Span::all(5)
    };
    let (seqs, is_cut, bytes) = read(&last);
    assert_eq!((seqs, is_cut), ((99_996..=100_000).collect(), true));
    assert!(bytes < 200_000, "{bytes} bytes read");
    let bound = |t: i64| {
        Some(Bound {
            time: Time(t * 1_000),
            inclusive: true,
        })
    };
    let between = Span {
        from: bound(40_000),
        until: bound(40_010),
        ..Span::all(100)
    };
    let (seqs, is_cut, bytes) = read(&between);
    assert_eq!((seqs, is_cut), ((40_000..=40_010).collect(), false));
    assert!(bytes < 200_000, "{bytes} bytes read");
    let (seqs, is_cut, _) = read(&Span::all(usize::MAX));
    assert!(seqs.into_iter().eq(1..=100_000) && !is_cut);
}

#[test]
fn whoever_reads_while_segments_come_and_go_sees_all_that_was_applied() {
    let (id, name): (Name, Name) = ("urn:e".into(), "a".into());
    let history = open(&MemoryFiles::new()).unwrap();
    let entity = bare(&id);
    let applied = AtomicU64::new(0);
    let last = 20_000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 1..=last {
                history
                    .apply(&reading(seq, &id, &name, seq.cast_signed()), None, None)
                    .unwrap();
                applied.store(seq, Ordering::Release);
            }
        });
        scope.spawn(|| {
            while history.covered() < Seq(last) {
                history.seal().unwrap();
                while history.merge().unwrap() {}
            }
        });
        loop {
            let seen = applied.load(Ordering::Acquire);
            let span = Span {
                last: true,
                ..Span::all(3)
            };
            let live = Some((&entity, Seq(last)));
            let found = history
                .read(&Tenant::default(), &id, live, &span)
                .unwrap()
                .unwrap();
            let ids: Vec<u64> = found
                .series
                .iter()
                .flat_map(|s| &s.instances)
                .map(|i| i.id.seq.0)
                .collect();
            assert!(
                ids.last().copied().unwrap_or(0) >= seen,
                "{ids:?} after {seen}"
            );
            assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{ids:?}");
            if seen == last {
                break;
            }
        }
    });
    assert!(
        history.inner.read().segments.len() < 40,
        "merges keep segments few"
    );
}

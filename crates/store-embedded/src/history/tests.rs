//! The history against a naive model, through seals, merges, crashes and damage.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ngsi::Delta;
use ngsi::temporal::{Bound, TimeProperty};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::row::tests::any_attribute;
use super::*;
use crate::files::{Fault, File, Lock, MemoryFiles, Survival};

/// What happens to one of a few entities.
#[derive(Debug, Clone)]
enum Step {
    Put(Vec<Attribute>),
    Patch(Vec<Attribute>, bool),
    Delete,
    Add(Vec<Attribute>, bool),
    RemoveAttribute(bool),
    RemoveInstance(usize),
    ReplaceInstance(usize, Attribute),
    RemoveEntity,
    Seal,
    Merge,
    Reopen,
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    vec(prop_oneof![any_attribute("a"), any_attribute("b")], 0..4).prop_map(|mut all| {
        let mut seen = BTreeSet::new();
        all.retain(|a| !matches!(a.value, AttributeValue::Null) && seen.insert(a.key()));
        all
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => attributes().prop_map(Step::Put),
        8 => (attributes(), any::<bool>()).prop_map(|(a, gone)| Step::Patch(a, gone)),
        1 => Just(Step::Delete),
        2 => (vec(any_attribute("a"), 0..4), any::<bool>()).prop_map(|(a, t)| Step::Add(a, t)),
        1 => any::<bool>().prop_map(Step::RemoveAttribute),
        2 => any::<usize>().prop_map(Step::RemoveInstance),
        2 => (any::<usize>(), any_attribute("a")).prop_map(|(n, a)| Step::ReplaceInstance(n, a)),
        1 => Just(Step::RemoveEntity),
        3 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => Just(Step::Reopen),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let bound = || {
        option::of((0i64..40, any::<bool>())).prop_map(|b| {
            b.map(|(t, inclusive)| Bound {
                time: Time(t),
                inclusive,
            })
        })
    };
    let property = prop_oneof![
        Just(TimeProperty::ObservedAt),
        Just(TimeProperty::CreatedAt),
        Just(TimeProperty::ModifiedAt),
        Just(TimeProperty::DeletedAt),
    ];
    let attributes = option::of(vec(prop_oneof![Just("a".into()), Just("x".into())], 0..2));
    let limit = prop_oneof![0usize..5, Just(usize::MAX)];
    (attributes, property, bound(), bound(), limit, any::<bool>()).prop_map(
        |(attributes, property, from, until, limit, last)| Span {
            attributes,
            property,
            from,
            until,
            limit,
            last,
        },
    )
}

/// One entity of the naive model.
#[derive(Debug, Default, Clone)]
struct Plain {
    live: Option<(Entity, Seq)>,
    head: Option<Head>,
    series: BTreeMap<(Name, Option<Name>), Vec<Instance>>,
}

impl Plain {
    fn insert(&mut self, id: InstanceId, attribute: Attribute) {
        let key = (attribute.name.clone(), attribute.dataset_id.clone());
        let series = self.series.entry(key).or_default();
        let at = attribute.observed_at;
        series.retain(|i| at.is_none() || i.attribute.observed_at != at);
        series.push(Instance { id, attribute });
        series.sort_by_key(|i| (i.moment(), i.id));
    }

    fn set(&mut self, seq: Seq, modified: Time, set: &[Attribute], gone: &[AttributeKey]) {
        let deletions = gone.iter().map(|key| {
            let mut deletion = Attribute::new(key.name.clone(), AttributeValue::Null);
            deletion.dataset_id.clone_from(&key.dataset_id);
            deletion.stamp(modified, modified);
            deletion
        });
        for (index, attribute) in (0..).zip(set.iter().cloned().chain(deletions)) {
            self.insert(InstanceId { seq, index }, attribute);
        }
    }

    fn ids(&self) -> Vec<(Name, InstanceId)> {
        let all = self.series.iter();
        all.flat_map(|((name, _), list)| list.iter().map(|i| (name.clone(), i.id)))
            .collect()
    }

    fn apply(&mut self, change: &Change) {
        let before = self.live.take();
        match &change.fact {
            Fact::Entity { change: what, .. } => self.apply_entity(change.seq, what, before),
            Fact::History { id, edit } => {
                self.live = before;
                self.edit(change, id, edit);
            }
            Fact::Doc { .. } => self.live = before,
        }
    }

    fn apply_entity(&mut self, seq: Seq, what: &EntityChange, before: Option<(Entity, Seq)>) {
        let before = before.map(|(entity, _)| entity);
        match what {
            EntityChange::Put(after) => {
                let old = before.iter().flat_map(|b| &b.attributes);
                let gone: Vec<_> = old.filter(|a| !has(after, a)).map(Attribute::key).collect();
                self.set(seq, after.modified_at, &after.attributes, &gone);
                self.live = Some((Entity::clone(after), seq));
            }
            EntityChange::Patch { delta, .. } => {
                self.set(seq, delta.modified_at, &delta.set, &delta.remove);
                let mut entity = before.expect("a patch of what is there");
                delta.apply(&mut entity);
                self.live = Some((entity, seq));
            }
            EntityChange::Delete { at, .. } => {
                let old = before.expect("a deletion of what is there");
                let gone: Vec<_> = old.attributes.iter().map(Attribute::key).collect();
                self.set(seq, *at, &[], &gone);
                self.head = Some(Head {
                    deleted_at: Some(*at),
                    ..head::of(&old)
                });
                return;
            }
        }
        self.head = self.live.as_ref().map(|(entity, _)| head::of(entity));
    }

    fn edit(&mut self, change: &Change, id: &Name, edit: &HistoryEdit) {
        match edit {
            HistoryEdit::Add {
                types,
                scope,
                instances,
            } => {
                let new = || new_head(id.clone(), Vec::new(), Vec::new(), change.time);
                let head = self.head.get_or_insert_with(new);
                head.types.extend(
                    types
                        .iter()
                        .filter(|t| !head.types.contains(t))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
                if !scope.is_empty() {
                    head.scope.clone_from(scope);
                }
                self.set(change.seq, change.time, instances, &[]);
            }
            HistoryEdit::RemoveAttribute { name, dataset_id } => self.series.retain(|(n, d), _| {
                n != name || dataset_id.as_ref().is_some_and(|dataset| dataset != d)
            }),
            HistoryEdit::RemoveInstance { name, instance } => {
                for ((n, _), list) in &mut self.series {
                    list.retain(|i| n != name || i.id != *instance);
                }
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                let mut found = false;
                for ((n, _), list) in &mut self.series {
                    let len = list.len();
                    list.retain(|i| *n != attribute.name || i.id != *instance);
                    found |= list.len() < len;
                }
                if found {
                    self.insert(*instance, attribute.clone());
                }
            }
            HistoryEdit::RemoveEntity => {
                self.series.clear();
                self.head = None;
            }
        }
    }

    fn read(&self, span: &Span) -> Option<Evolution> {
        let head = self.head.clone()?;
        let series = self.series.iter().filter_map(|((name, dataset_id), list)| {
            let held = list.iter().filter(|i| span.holds(&i.attribute)).cloned();
            let mut instances: Vec<Instance> = held.collect();
            if span
                .attributes
                .as_ref()
                .is_some_and(|wanted| !wanted.contains(name))
            {
                return None;
            }
            let is_cut = instances.len() > span.limit;
            if is_cut && span.last {
                instances.drain(..instances.len() - span.limit);
            }
            instances.truncate(span.limit);
            let series = Series {
                name: name.clone(),
                dataset_id: dataset_id.clone(),
                instances,
                is_cut,
            };
            (!series.instances.is_empty()).then_some(series)
        });
        let series = series.collect();
        Some(Evolution { head, series })
    }
}

/// The model, the history under test, and the log that both come from.
#[derive(Debug)]
struct World {
    files: MemoryFiles,
    history: History,
    plain: BTreeMap<(Tenant, Name), Plain>,
    log: Vec<(Change, Option<(Entity, Seq)>)>,
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
        }
    }

    /// The change that a step means for one of four entities of two tenants.
    fn fact(&self, place: &(Tenant, Name), step: Step, at: Time) -> Option<Fact> {
        let plain = self.plain.get(place).cloned().unwrap_or_default();
        let id = place.1.clone();
        let entity = |change| {
            Some(Fact::Entity {
                id: id.clone(),
                change,
            })
        };
        let edit = |edit| {
            Some(Fact::History {
                id: id.clone(),
                edit,
            })
        };
        match step {
            Step::Put(attributes) => entity(EntityChange::Put(Arc::new(Entity {
                id: id.clone(),
                types: vec!["T".into()],
                scope: vec!["/s".into()],
                created_at: plain.live.map_or(at, |(entity, _)| entity.created_at),
                modified_at: at,
                expires_at: None,
                attributes,
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
                entity(EntityChange::Patch { delta, after: None })
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
                edit(HistoryEdit::ReplaceInstance {
                    instance,
                    attribute,
                })
            }
            Step::RemoveEntity => edit(HistoryEdit::RemoveEntity),
            Step::Seal | Step::Merge | Step::Reopen => None,
        }
    }

    fn step(&mut self, who: u8, step: Step) -> Result<(), Error> {
        match &step {
            Step::Seal => self.history.seal().map(drop)?,
            Step::Merge => while self.history.merge()? {},
            Step::Reopen => self.reopen()?,
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
        let plain = self.plain.entry(place).or_default();
        let before = plain.live.clone();
        plain.apply(&change);
        self.log.push((change.clone(), before.clone()));
        self.history
            .apply(&change, before.as_ref().map(|(entity, seq)| (entity, *seq)))
    }

    /// Opens anew what is on disk and replays the whole log.
    fn reopen(&mut self) -> Result<(), Error> {
        self.history = open(&self.files)?;
        for (change, before) in &self.log {
            self.history
                .apply(change, before.as_ref().map(|(entity, seq)| (entity, *seq)))?;
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
                let page = |after: Option<&str>, limit: usize| {
                    let all = mine().filter(|((_, id), _)| after.is_none_or(|a| **id > *a));
                    let live = all.filter_map(|(_, plain)| plain.live.clone());
                    let live = live.filter(|(e, _)| of(&e.types)).take(limit);
                    Ok(live.map(|(entity, seq)| (Arc::new(entity), seq)).collect())
                };
                let heads = self
                    .history
                    .heads(&tenant, types, after.as_deref(), limit, page);
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

/// Counts bytes read.
#[derive(Debug)]
struct Counting(MemoryFiles, Arc<AtomicU64>);

#[derive(Debug)]
struct CountingFile(Box<dyn File>, Arc<AtomicU64>);

impl Files for Counting {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(CountingFile(
            self.0.create(path)?,
            Arc::clone(&self.1),
        )))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.open(path)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(CountingFile(
            self.0.open_read(path)?,
            Arc::clone(&self.1),
        )))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.0.lock(path)
    }
}

impl File for CountingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.0.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
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
        change: EntityChange::Patch { delta, after: None },
    };
    Change {
        seq: Seq(seq),
        tenant: Tenant::default(),
        time: at,
        fact,
    }
}

#[test]
fn a_long_series_is_read_in_part_only() {
    let (id, name): (Name, Name) = ("urn:e".into(), "a".into());
    let bytes = Arc::new(AtomicU64::new(0));
    let files = Counting(MemoryFiles::new(), Arc::clone(&bytes));
    let history = History::open(Arc::new(files), &dir()).unwrap();
    for seq in 1..=100_000 {
        history
            .apply(&reading(seq, &id, &name, seq.cast_signed() * 1_000), None)
            .unwrap();
        if seq == 50_000 || seq == 99_000 {
            history.seal().unwrap();
        }
    }
    let entity = Entity {
        id: id.clone(),
        types: vec!["T".into()],
        scope: Vec::new(),
        created_at: Time(0),
        modified_at: Time(0),
        expires_at: None,
        attributes: Vec::new(),
    };
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

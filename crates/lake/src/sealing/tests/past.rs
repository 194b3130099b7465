//! A store's past as a plain list of all that ever happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::InstanceId;
use parking_lot::Mutex;
use ports::{Archive, Cut, Parcel, Past, PastRow, PastSeries, PastValue, Reach, StoreError};
use testkit::Random;

use crate::history::scan::Keys;

/// A row as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fact {
    tenant: String,
    entity: String,
    name: String,
    dataset: Option<String>,
    pub(super) moment: Time,
    observed: bool,
    id: (i64, i32),
    arrived: i64,
}

impl Fact {
    fn of(series: &PastSeries, row: &PastRow) -> Self {
        Self {
            tenant: series.tenant.as_str().to_owned(),
            entity: series.entity.to_string(),
            name: series.name.to_string(),
            dataset: series.dataset_id.as_deref().map(str::to_owned),
            moment: row.moment,
            observed: row.observed,
            id: (
                signed(row.id.seq),
                i32::try_from(row.id.index).expect("few"),
            ),
            arrived: signed(row.arrived.seq),
        }
    }

    pub(super) fn read(tenant: &str, keys: &Keys, row: usize) -> Self {
        let key = keys.key(row);
        Self {
            tenant: tenant.to_owned(),
            entity: key.entity.to_owned(),
            name: key.attribute.to_owned(),
            dataset: key.dataset.map(str::to_owned),
            moment: Time(key.time),
            observed: keys.is_observed(row),
            id: (key.seq, key.place),
            arrived: keys.arrived(row),
        }
    }
}

fn signed(seq: Seq) -> i64 {
    i64::try_from(seq.0).expect("a small number")
}

#[derive(Debug, Clone)]
enum Happened {
    Row(PastSeries, PastRow),
    Cut(Cut),
}

#[derive(Debug, Default)]
pub(super) struct FakePast {
    all: Mutex<Vec<(Seq, Happened)>>,
    let_go: AtomicU64,
    fails: AtomicBool,
}

/// Rows of a series by what does not change of it.
type BySeries = BTreeMap<PastSeries, Vec<PastRow>>;

impl FakePast {
    /// So many things of chance happen.
    pub(super) fn happen(&self, random: &mut Random, times: usize) {
        let mut all = self.all.lock();
        for _ in 0..times {
            let seq = Seq(all.last().map_or(1, |(seq, _)| seq.0 + 1));
            let series = series(random);
            let what = if random.percent(8) {
                Happened::Cut(cut(random, seq, &series, &all))
            } else {
                let row = row(random, seq);
                Happened::Row(series, row)
            };
            all.push((seq, what));
        }
    }

    pub(super) fn fail_to_let_go(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub(super) fn let_go_until(&self) -> Seq {
        Seq(self.let_go.load(Ordering::SeqCst))
    }

    /// What counts of all that happened up to a change.
    pub(super) fn settled(&self, until: Seq) -> Vec<Fact> {
        let (rows, _) = self.between(Seq::ZERO, until);
        let mut facts: Vec<Fact> = rows
            .iter()
            .flat_map(|(series, rows)| rows.iter().map(|row| Fact::of(series, row)))
            .collect();
        facts.sort();
        facts
    }

    fn between(&self, after: Seq, until: Seq) -> (BySeries, Vec<Cut>) {
        let (mut rows, mut cuts) = (BySeries::new(), Vec::new());
        for (seq, what) in &*self.all.lock() {
            if *seq <= after || *seq > until {
                continue;
            }
            match what {
                Happened::Row(series, row) => {
                    let rows = rows.entry(series.clone()).or_default();
                    if row.observed {
                        rows.retain(|old| !(old.observed && old.moment == row.moment));
                    }
                    rows.push(row.clone());
                }
                Happened::Cut(cut) => {
                    for (series, rows) in &mut rows {
                        rows.retain(|row| !takes(cut, series, row));
                    }
                    cuts.push(cut.clone());
                }
            }
        }
        rows.retain(|_, rows| !rows.is_empty());
        for rows in rows.values_mut() {
            rows.sort_by_key(|row| (row.moment, row.id));
        }
        (rows, cuts)
    }
}

fn series(random: &mut Random) -> PastSeries {
    let tenant = random.word(&["", "", "b"]);
    PastSeries {
        tenant: Tenant::new(tenant).expect("a tenant"),
        entity: format!("urn:{}", random.below(5)).as_str().into(),
        types: Vec::new(),
        name: random.word(&["https://a.org/x", "https://a.org/y"]).into(),
        dataset_id: random.percent(20).then(|| Name::from("urn:d")),
    }
}

fn row(random: &mut Random, seq: Seq) -> PastRow {
    // Mostly one after the other, sometimes long ago, often at a time that was there before.
    let latest = i64::try_from(seq.0).expect("a small number") * 400_000_000;
    let moment = match random.below(10) {
        0 => random.between(0, 20) * 3_600_000_000,
        1..=3 => latest - random.between(0, 30) * 400_000_000,
        _ => latest,
    };
    let id = InstanceId {
        seq,
        index: u32::try_from(random.below(3)).expect("small"),
    };
    PastRow {
        moment: Time(moment),
        observed: random.percent(75),
        modified_at: Time(moment),
        created_at: Time(0),
        unit_code: None,
        value_type: None,
        id: if random.percent(5) {
            // As if it had replaced one: its identity is older, and no other row has it.
            InstanceId {
                seq: Seq(seq.0 / 2 + 1),
                index: u32::try_from(seq.0).expect("small") + 10,
            }
        } else {
            id
        },
        arrived: id,
        value: match random.below(3) {
            0 => PastValue::Int(random.between(-3, 3)),
            1 => PastValue::Float(0.5),
            _ => PastValue::Deleted,
        },
    }
}

fn cut(random: &mut Random, at: Seq, series: &PastSeries, all: &[(Seq, Happened)]) -> Cut {
    let mut rows = Vec::new();
    for (_, what) in all {
        if let Happened::Row(of, row) = what {
            rows.push((of, row));
        }
    }
    let known = (!rows.is_empty()).then(|| *random.pick(&rows));
    let (series, row) = known.map_or((series, None), |(series, row)| (series, Some(row)));
    let (name, dataset_id) = (series.name.clone(), series.dataset_id.clone());
    let reach = match (random.below(4), row) {
        // As the store says it: what was observed goes with what it hid.
        (0 | 1, Some(row)) if row.observed => Reach::Observed {
            name,
            dataset_id,
            time: row.moment,
        },
        (0 | 1, Some(row)) => Reach::Instance {
            name,
            dataset_id,
            instance: row.id,
        },
        (2, _) => Reach::Attribute {
            name,
            dataset_id: random.percent(50).then_some(dataset_id),
        },
        _ => Reach::Entity,
    };
    Cut {
        tenant: series.tenant.clone(),
        entity: series.entity.clone(),
        at,
        reach,
    }
}

fn takes(cut: &Cut, series: &PastSeries, row: &PastRow) -> bool {
    let is_of =
        |name: &Name, dataset: &Option<Name>| *name == series.name && *dataset == series.dataset_id;
    cut.tenant == series.tenant
        && cut.entity == series.entity
        && match &cut.reach {
            Reach::Entity => true,
            Reach::Attribute { name, dataset_id } => {
                let of = dataset_id.as_ref();
                *name == series.name && of.is_none_or(|of| *of == series.dataset_id)
            }
            Reach::Observed {
                name,
                dataset_id,
                time,
            } => is_of(name, dataset_id) && row.observed && row.moment == *time,
            Reach::Instance {
                name,
                dataset_id,
                instance,
            } => is_of(name, dataset_id) && row.id == *instance,
        }
}

impl Past for FakePast {
    fn keep_in(&self, _archive: Arc<dyn Archive>) {}

    fn parcel(&self, after: Seq, _rows_max: u64) -> Result<Option<Box<dyn Parcel>>, StoreError> {
        // Small parcels, so that there are several.
        let seqs: Vec<Seq> = self.all.lock().iter().map(|(seq, _)| *seq).collect();
        let new: Vec<Seq> = seqs
            .into_iter()
            .filter(|seq| *seq > after)
            .take(25)
            .collect();
        let (Some(first), Some(last)) = (new.first(), new.last()) else {
            return Ok(None);
        };
        let (rows, cuts) = self.between(after, *last);
        // An entity may be of another type later: its files are elsewhere then.
        let class: Name = format!("https://a.org/T{}", last.0 % 2).as_str().into();
        let mut series: Vec<(PastSeries, Vec<PastRow>)> = rows.into_iter().collect();
        // Within an entity series come in any order.
        series.sort_by(|(a, _), (b, _)| {
            let of = |series: &PastSeries| (series.tenant.clone(), series.entity.clone());
            of(a).cmp(&of(b)).then_with(|| b.name.cmp(&a.name))
        });
        for (series, _) in &mut series {
            series.types = vec![class.clone()];
        }
        series.reverse();
        Ok(Some(Box::new(FakeParcel {
            range: (*first, *last),
            cuts,
            series,
        })))
    }

    fn pending_bytes(&self, _after: Seq) -> u64 {
        0
    }

    fn let_go(&self, until: Seq) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                reason: "a fault of the test".to_owned(),
            });
        }
        self.let_go.fetch_max(until.0, Ordering::SeqCst);
        Ok(())
    }
}

#[derive(Debug)]
struct FakeParcel {
    range: (Seq, Seq),
    cuts: Vec<Cut>,
    /// What is left, the next last.
    series: Vec<(PastSeries, Vec<PastRow>)>,
}

impl Parcel for FakeParcel {
    fn range(&self) -> (Seq, Seq) {
        self.range
    }

    fn rows(&self) -> u64 {
        self.series.iter().map(|(_, rows)| rows.len() as u64).sum()
    }

    fn cuts(&self) -> Vec<Cut> {
        self.cuts.clone()
    }

    fn next(&mut self, rows: &mut Vec<PastRow>) -> Result<Option<PastSeries>, StoreError> {
        let Some((series, of_series)) = self.series.pop() else {
            return Ok(None);
        };
        rows.extend(of_series);
        Ok(Some(series))
    }
}

//! The tail: instances since the last seal, in memory.
//!
//! A point is 24 bytes: where the point before it in its run stands, its change, its observed time
//! with three bits of kind, its value. A run is the points of one series of an entity that share
//! name, dataset, unit and value type; a change holds what its points share. What does not fit
//! (text, structure, sub-attributes) lies as bytes in an arena, the point saying where.

mod walk;

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;

use base::{Name, Seq, Tenant};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use ngsi::Attribute;
use ngsi::temporal::InstanceId;

use super::chunked::Chunked;
use super::grave::Grave;
use super::head::Note;
use super::names::Names;
use super::row::{Row, RowValue, SeriesKey};

const INT: i64 = 0;
const FLOAT: i64 = 1;
const ARENA: i64 = 2;
const DELETED: i64 = 3;
const KIND: i64 = 3;
/// Created when modified; else when the run says.
const NEW: i64 = 4;
const TAG_BITS: u32 = 3;
/// The observed time of what was not observed.
const UNOBSERVED: i64 = i64::MIN >> TAG_BITS;

/// What an entity with no points yet costs beside them: its slot, its id, its place in the table.
const OWNER_BYTES: usize = 120;

#[derive(Debug)]
struct Owner {
    id: Name,
    tenant: u32,
    /// The first run, counted from 1; 0: none.
    runs: u32,
}

#[derive(Debug)]
struct Run {
    form: u32,
    /// The next run of the entity, counted from 1.
    next: u32,
    /// The last point, counted from 1.
    last: u32,
    /// Whether no point is earlier than one before it.
    sorted: bool,
    created: i64,
    latest: i64,
}

/// What the points of a run share.
#[derive(Debug)]
struct Form {
    series: SeriesKey,
    unit: u32,
    value_type: u32,
    name: Name,
    dataset_text: Option<Name>,
    unit_text: Option<Name>,
    value_type_text: Option<Name>,
}

#[derive(Debug)]
struct Point {
    /// The point before it in the run, counted from 1.
    before: u32,
    change: u32,
    observed: i64,
    value: u64,
}

#[derive(Debug)]
struct ChangeRow {
    seq: Seq,
    modified: i64,
    first: u32,
}

/// A thing of the arena.
#[derive(Debug)]
enum Wide {
    Blob(Box<[u8]>),
    /// A row that shares too little with its change or run to be a point.
    Row(Box<Row>),
}

/// Instances since the last seal.
#[derive(Debug, Default)]
pub(super) struct Tail {
    hasher: RandomState,
    /// High bits of the hash, place of the owner.
    table: HashTable<(u32, u32)>,
    owners: Chunked<Owner, 12>,
    tenants: Vec<Tenant>,
    tenant_places: HashMap<Tenant, u32, RandomState>,
    forms: Vec<Form>,
    last_form: u32,
    form_places: HashMap<(SeriesKey, u32, u32), u32, RandomState>,
    runs: Chunked<Run, 12>,
    points: Chunked<Point, 14>,
    changes: Chunked<ChangeRow, 12>,
    arena: Chunked<Wide, 12>,
    arena_bytes: usize,
    /// What was taken out, by owner.
    pub(super) graves: BTreeMap<Vec<u8>, Vec<Grave>>,
    /// Heads that changed otherwise than their entity, by owner.
    pub(super) notes: BTreeMap<Vec<u8>, Note>,
}

impl Tail {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.owners.len() as usize * OWNER_BYTES
            + self.runs.len() as usize * size_of::<Run>()
            + self.points.len() as usize * size_of::<Point>()
            + self.changes.len() as usize * size_of::<ChangeRow>()
            + self.arena.len() as usize * size_of::<Wide>()
            + self.arena_bytes
            + (self.graves.len() + self.notes.len()) * 2 * OWNER_BYTES
    }

    /// Starts the instances of a change: those that follow are of it, by index from 0.
    pub(super) fn begin(&mut self, seq: Seq, modified: i64) {
        self.changes.push(ChangeRow {
            seq,
            modified,
            first: self.points.len(),
        });
    }

    /// The place of an entity, a new one when it has none.
    pub(super) fn owner(&mut self, tenant: &Tenant, id: &Name) -> u32 {
        let tenant = self.tenant(tenant);
        let hash = self.hash(tenant, id);
        if let Some(place) = self.place(hash, tenant, id) {
            return place;
        }
        let place = self.owners.push(Owner {
            id: id.clone(),
            tenant,
            runs: 0,
        });
        self.table
            .insert_unique(spread(hash), (hash, place), |(hash, _)| spread(*hash));
        place
    }

    /// The place of an entity if it has one.
    pub(super) fn find(&self, tenant: &Tenant, id: &str) -> Option<u32> {
        let tenant = *self.tenant_places.get(tenant)?;
        self.place(self.hash(tenant, id), tenant, id)
    }

    fn tenant(&mut self, tenant: &Tenant) -> u32 {
        if let Some(place) = self.tenant_places.get(tenant) {
            return *place;
        }
        let place = u32::try_from(self.tenants.len()).unwrap_or(u32::MAX);
        self.tenants.push(tenant.clone());
        self.tenant_places.insert(tenant.clone(), place);
        place
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is hash enough"
    )]
    fn hash(&self, tenant: u32, id: &str) -> u32 {
        self.hasher.hash_one((tenant, id)) as u32
    }

    fn place(&self, hash: u32, tenant: u32, id: &str) -> Option<u32> {
        let found = self.table.find(spread(hash), |(other, place)| {
            *other == hash
                && self
                    .owners
                    .get(*place)
                    .is_some_and(|o| o.tenant == tenant && o.id == *id)
        });
        found.map(|(_, place)| *place)
    }

    /// Appends an instance to an entity, as the next of the change begun last.
    pub(super) fn push(&mut self, owner: u32, attribute: &Attribute, names: &mut Names) {
        let position = self.points.len();
        let change = self.changes.len().saturating_sub(1);
        let Some(ChangeRow {
            seq,
            modified,
            first,
        }) = self.changes.get(change)
        else {
            return;
        };
        let id = InstanceId {
            seq: *seq,
            index: position.saturating_sub(*first),
        };
        let is_of_change = attribute.modified_at.0 == *modified;
        let run = self.run(owner, attribute, names);
        let created = self.runs.get(run).map_or(0, |run| run.created);
        let kind = match (
            attribute.created_at == attribute.modified_at,
            attribute.created_at.0,
        ) {
            (true, _) => Some(NEW),
            (false, at) if at == created => Some(0),
            (false, _) => None,
        };
        let observed = attribute.observed_at.map_or(UNOBSERVED, |time| time.0);
        let fits = (observed << TAG_BITS) >> TAG_BITS == observed
            && (observed != UNOBSERVED || attribute.observed_at.is_none());
        match kind {
            Some(created) if is_of_change && fits => {
                let (kind, value) = match RowValue::of(attribute, names) {
                    RowValue::Int(int) => (INT, int.cast_unsigned()),
                    RowValue::Float(float) => (FLOAT, float.to_bits()),
                    RowValue::Blob(bytes) => (ARENA, self.keep(Wide::Blob(bytes))),
                    // An attribute never becomes one of the last two.
                    RowValue::Deleted | RowValue::Whole(_) | RowValue::Rolled(_) => (DELETED, 0),
                };
                let moment = attribute.observed_at.unwrap_or(attribute.modified_at).0;
                let observed = (observed << TAG_BITS) | kind | created;
                self.link(
                    run,
                    moment,
                    Point {
                        before: 0,
                        change,
                        observed,
                        value,
                    },
                );
            }
            _ => self.push_row(run, Row::of(attribute, id, id, names)),
        }
    }

    /// Appends an instance that keeps the identity it had.
    pub(super) fn replace(
        &mut self,
        owner: u32,
        attribute: &Attribute,
        id: InstanceId,
        names: &mut Names,
    ) {
        let seq = self
            .changes
            .get(self.changes.len().saturating_sub(1))
            .map(|c| c.seq);
        let arrived = InstanceId {
            seq: seq.unwrap_or_default(),
            index: 0,
        };
        let run = self.run(owner, attribute, names);
        self.push_row(run, Row::of(attribute, id, arrived, names));
    }

    fn push_row(&mut self, run: u32, row: Row) {
        let moment = row.moment;
        let value = self.keep(Wide::Row(Box::new(row)));
        let change = self.changes.len().saturating_sub(1);
        let observed = (UNOBSERVED << TAG_BITS) | ARENA;
        self.link(
            run,
            moment,
            Point {
                before: 0,
                change,
                observed,
                value,
            },
        );
    }

    fn keep(&mut self, wide: Wide) -> u64 {
        self.arena_bytes += match &wide {
            Wide::Blob(bytes) => bytes.len() + 16,
            Wide::Row(row) => {
                size_of::<Row>()
                    + if let RowValue::Blob(b) = &row.value {
                        b.len()
                    } else {
                        0
                    }
            }
        };
        self.arena.push(wide).into()
    }

    fn link(&mut self, run: u32, moment: i64, mut point: Point) {
        let place = self.points.len();
        if let Some(run) = self.runs.get_mut(run) {
            point.before = run.last;
            run.last = place + 1;
            run.sorted &= moment >= run.latest;
            run.latest = run.latest.max(moment);
        }
        self.points.push(point);
    }

    /// The run of an entity that the attribute belongs to, a new one when there is none.
    fn run(&mut self, owner: u32, attribute: &Attribute, names: &mut Names) -> u32 {
        let mut next = self.owners.get(owner).map_or(0, |owner| owner.runs);
        while let Some(run) = next.checked_sub(1).and_then(|place| self.runs.get(place)) {
            if self
                .forms
                .get(run.form as usize)
                .is_some_and(|form| form.fits(attribute))
            {
                return next - 1;
            }
            next = run.next;
        }
        // Entities of a type bring the same attributes in the same order.
        let guess = self.last_form + 1;
        let is_right = self
            .forms
            .get(guess as usize)
            .is_some_and(|form| form.fits(attribute));
        let form = if is_right {
            guess
        } else {
            self.form(attribute, names)
        };
        self.last_form = form;
        let Some(owner) = self.owners.get_mut(owner) else {
            return 0;
        };
        let created = attribute.created_at.0;
        let next = owner.runs;
        let run = Run {
            form,
            next,
            last: 0,
            sorted: true,
            created,
            latest: i64::MIN,
        };
        let place = self.runs.push(run);
        owner.runs = place + 1;
        place
    }

    fn form(&mut self, attribute: &Attribute, names: &mut Names) -> u32 {
        let series = SeriesKey {
            name: names.number(&attribute.name),
            dataset: names.number_of(attribute.dataset_id.as_ref()),
        };
        let unit = names.number_of(attribute.unit_code.as_ref());
        let value_type = names.number_of(attribute.value_type.as_ref());
        *self
            .form_places
            .entry((series, unit, value_type))
            .or_insert_with(|| {
                self.forms.push(Form {
                    series,
                    unit,
                    value_type,
                    name: attribute.name.clone(),
                    dataset_text: attribute.dataset_id.clone(),
                    unit_text: attribute.unit_code.clone(),
                    value_type_text: attribute.value_type.clone(),
                });
                u32::try_from(self.forms.len() - 1).unwrap_or(u32::MAX)
            })
    }
}

impl Form {
    fn fits(&self, attribute: &Attribute) -> bool {
        same(&self.name, &attribute.name)
            && same_option(self.dataset_text.as_ref(), attribute.dataset_id.as_ref())
            && same_option(self.unit_text.as_ref(), attribute.unit_code.as_ref())
            && same_option(self.value_type_text.as_ref(), attribute.value_type.as_ref())
    }
}

/// Names that share their text, as most do, are the same without looking at it.
#[inline]
fn same(one: &Name, two: &Name) -> bool {
    std::ptr::eq(one.as_str(), two.as_str()) || one == two
}

fn same_option(one: Option<&Name>, two: Option<&Name>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => same(one, two),
        (None, None) => true,
        _ => false,
    }
}

/// The table wants 64 good bits, and 32 are kept.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_24_bytes() {
        assert_eq!((size_of::<Point>(), size_of::<Run>()), (24, 32));
    }
}

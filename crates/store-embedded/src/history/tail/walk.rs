//! Walking the tail: for reads, newest first, and for a seal, in the order of segments.

use ngsi::temporal::InstanceId;

use super::{ARENA, DELETED, FLOAT, Form, INT, KIND, NEW, Run, TAG_BITS, Tail, UNOBSERVED, Wide};
use crate::Error;
use crate::history::row::{Row, RowValue, SeriesKey};
use crate::history::window::Window;

impl Tail {
    /// The place of every entity, in order of their keys.
    pub(in crate::history) fn owners(&self) -> Vec<u32> {
        let owner = |place: u32| {
            let owner = self.owners.get(place)?;
            Some((
                self.tenants.get(owner.tenant as usize)?.as_str(),
                owner.id.as_str(),
            ))
        };
        // Ids share a long beginning: the first bytes behind it decide nearly every comparison.
        let all = || (0..self.owners.len()).filter_map(owner);
        let first = all().next().map_or("", |(_, id)| id);
        let shared = all().fold(first.len(), |shared, (_, id)| {
            let same = |len: &usize| id.as_bytes().get(..*len) == first.as_bytes().get(..*len);
            if same(&shared) {
                shared
            } else {
                (0..shared).rev().find(same).unwrap_or(0)
            }
        });
        let mut keyed: Vec<(&str, u128, u32)> = (0..self.owners.len())
            .filter_map(|place| {
                let (tenant, id) = owner(place)?;
                let mut key = [0; 16];
                let rest = id.as_bytes().get(shared..)?.iter();
                key.iter_mut()
                    .zip(rest)
                    .for_each(|(key, byte)| *key = *byte);
                Some((tenant, u128::from_be_bytes(key), place))
            })
            .collect();
        keyed.sort_unstable_by(|a, b| {
            (a.0, a.1)
                .cmp(&(b.0, b.1))
                .then_with(|| owner(a.2).cmp(&owner(b.2)))
        });
        keyed.into_iter().map(|(_, _, place)| place).collect()
    }

    /// Brings near what [`Tail::each`] will need some entities later. What an entity has lies far
    /// apart in memory, and waiting for one place after the other would be most of a seal.
    pub(in crate::history) fn near(&self, owners: &[u32], next: usize) {
        let ahead = |by: usize| self.owners.get(*owners.get(next + by)?);
        let run = |by: usize| self.runs.get(ahead(by)?.runs.checked_sub(1)?);
        let point = |by: usize| self.points.get(run(by)?.last.checked_sub(1)?);
        std::hint::black_box((
            ahead(48).map(|owner| owner.tenant),
            ahead(32).and_then(|owner| owner.id.as_bytes().last().copied()),
            run(32).map(|run| run.last),
            point(16).map(|point| point.change),
            point(8)
                .and_then(|point| self.changes.get(point.change))
                .map(|change| change.first),
        ));
    }

    /// The key of an entity.
    pub(in crate::history) fn key(&self, owner: u32, key: &mut Vec<u8>) {
        key.clear();
        let Some(owner) = self.owners.get(owner) else {
            return;
        };
        let tenant = self
            .tenants
            .get(owner.tenant as usize)
            .map_or("", |tenant| tenant.as_str());
        key.extend_from_slice(tenant.as_bytes());
        key.push(0);
        key.extend_from_slice(owner.id.as_bytes());
    }

    /// The series of an entity, in order.
    pub(in crate::history) fn series(&self, owner: u32) -> Vec<SeriesKey> {
        let mut keys: Vec<SeriesKey> = self.runs_of(owner).map(|(_, form)| form.series).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn runs_of(&self, owner: u32) -> impl Iterator<Item = (&Run, &Form)> {
        let mut next = self.owners.get(owner).map_or(0, |owner| owner.runs);
        std::iter::from_fn(move || {
            let run = self.runs.get(next.checked_sub(1)?)?;
            next = run.next;
            Some((run, self.forms.get(run.form as usize)?))
        })
    }

    /// Shows all rows of an entity, by series, moment and arrival. `room` is for the work.
    pub(in crate::history) fn each(
        &self,
        owner: u32,
        room: &mut Vec<(SeriesKey, i64, u32, u32)>,
        mut each: impl FnMut(SeriesKey, Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        room.clear();
        let mut next = self.owners.get(owner).map_or(0, |owner| owner.runs);
        while let Some(run) = next.checked_sub(1).and_then(|place| self.runs.get(place)) {
            let series = self
                .forms
                .get(run.form as usize)
                .map_or(SeriesKey::MIN, |f| f.series);
            let mut point = run.last;
            while let Some((moment, before)) = self.moment(point) {
                room.push((series, moment, point, next - 1));
                point = before;
            }
            next = run.next;
        }
        room.sort_unstable();
        for (series, _, point, run) in room {
            let run = self.runs.get(*run);
            let form = run.and_then(|run| self.forms.get(run.form as usize));
            let row = run
                .zip(form)
                .and_then(|(run, form)| self.row(*point, run, form));
            if let Some(row) = row {
                each(*series, row)?;
            }
        }
        Ok(())
    }

    /// The moment of a point, and the point before it.
    fn moment(&self, point: u32) -> Option<(i64, u32)> {
        let point = self.points.get(point.checked_sub(1)?)?;
        let observed = point.observed >> TAG_BITS;
        if observed != UNOBSERVED {
            return Some((observed, point.before));
        }
        if point.observed & KIND == ARENA
            && let Wide::Row(row) = self.arena.get(u32::try_from(point.value).ok()?)?
        {
            return Some((row.moment, point.before));
        }
        Some((self.changes.get(point.change)?.modified, point.before))
    }

    /// The rows of a series within the window, by moment and arrival. When the window has a limit,
    /// rows that cannot be within it may be left out.
    pub(in crate::history) fn rows(
        &self,
        owner: u32,
        series: SeriesKey,
        window: &Window<'_>,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for (run, form) in self
            .runs_of(owner)
            .filter(|(_, form)| form.series == series)
        {
            let points =
                std::iter::successors(Some(run.last), |point| Some(self.moment(*point)?.1));
            let timed = points.map_while(|point| Some((point, self.moment(point)?.0)));
            let above = timed.take_while(|(_, moment)| !run.sorted || *moment >= window.from);
            let within = above
                .filter(|(_, moment)| window.has(*moment))
                .map(|(point, _)| point);
            let mut counter = window.counter();
            let mut needed = |point: u32| {
                let row = self.row(point, run, form)?;
                if run.sorted && counter.is_full(&row) {
                    return None;
                }
                counter.count(series, &row);
                Some(row)
            };
            if window.is_last() {
                rows.extend(within.map_while(&mut needed));
            } else {
                // The chain goes back in time, and the earliest are wanted.
                let within: Vec<u32> = within.collect();
                // Growing step by step would copy long histories over and over.
                rows.reserve(
                    window
                        .most()
                        .map_or(within.len(), |most| within.len().min(most)),
                );
                rows.extend(within.into_iter().rev().map_while(&mut needed));
            }
        }
        rows.sort_by_key(|row| (row.moment, row.arrived));
        rows
    }

    /// The row of a point.
    fn row(&self, point: u32, run: &Run, form: &Form) -> Option<Row> {
        let position = point.checked_sub(1)?;
        let point = self.points.get(position)?;
        let change = self.changes.get(point.change)?;
        let value = match point.observed & KIND {
            INT => RowValue::Int(point.value.cast_signed()),
            FLOAT => RowValue::Float(f64::from_bits(point.value)),
            DELETED => RowValue::Deleted,
            _ => match self.arena.get(u32::try_from(point.value).ok()?)? {
                Wide::Blob(bytes) => RowValue::Blob(bytes.clone()),
                Wide::Row(row) => return Some(Row::clone(row)),
            },
        };
        let id = InstanceId {
            seq: change.seq,
            index: position - change.first,
        };
        let observed = point.observed >> TAG_BITS;
        let modified = change.modified;
        let row = Row {
            moment: if observed == UNOBSERVED {
                modified
            } else {
                observed
            },
            observed: observed != UNOBSERVED,
            modified,
            created: if point.observed & NEW == 0 {
                run.created
            } else {
                modified
            },
            unit: form.unit,
            value_type: form.value_type,
            id,
            arrived: id,
            value,
        };
        Some(row)
    }
}

//! Reading entities over time, and their heads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Name, Seq, Tenant};
use ngsi::Entity;
use ngsi::temporal::{Evolution, Head, Instance, Sample, Samples, Series, Span};

use super::archived::Archived;
use super::grave::Grave;
use super::read::{self, Source};
use super::row::{Row, RowValue, SeriesKey};
use super::segment::Segment;
use super::tail::Tail;
use super::window::Window;
use super::{History, Inner, Live, owner_key};
use crate::Error;

impl History {
    /// An entity over time; `live` is the entity as it stands now. Reads files.
    pub(crate) fn read(
        &self,
        tenant: &Tenant,
        id: &str,
        live: Live<'_>,
        span: &Span,
    ) -> Result<Option<Evolution>, Error> {
        let Some((head, mut view)) = self.view(tenant, id, live, span)? else {
            return Ok(None);
        };
        let mut series = Vec::new();
        for key in view.keys(span)? {
            let mut rows = Vec::new();
            let is_cut = view.rows(key, span, |row| {
                rows.push(row);
                Ok(())
            })?;
            if span.last {
                rows.reverse();
            }
            if !rows.is_empty() {
                series.push(self.series(id, key, &rows, is_cut)?);
            }
        }
        series.sort_by(|a, b| (&a.name, &a.dataset_id).cmp(&(&b.name, &b.dataset_id)));
        Ok(Some(Evolution { head, series }))
    }

    /// The same, of each instance only what it counts as: most are numbers, of which no attribute
    /// has to be made.
    pub(crate) fn samples(
        &self,
        tenant: &Tenant,
        id: &str,
        live: Live<'_>,
        span: &Span,
    ) -> Result<Option<Vec<Samples>>, Error> {
        let Some((_, mut view)) = self.view(tenant, id, live, span)? else {
            return Ok(None);
        };
        let mut all = Vec::new();
        for key in view.keys(span)? {
            let text = |number| self.names.read().text(number).cloned();
            let name = text(key.name).ok_or_else(|| self.damaged(id))?;
            let dataset_id = text(key.dataset);
            let mut rows = Vec::new();
            let mut found = false;
            let is_cut = view.rows(key, span, |row| {
                found = true;
                let sample = match row.value {
                    RowValue::Int(int) => Sample::Number(whole(int)),
                    RowValue::Float(float) => Sample::Number(float),
                    RowValue::Rolled(ref rolled) => Sample::Rolled(rolled.clone()),
                    RowValue::Whole(_) | RowValue::Blob(_) | RowValue::Deleted => Sample::of(
                        row.attribute(&name, dataset_id.as_ref(), &self.names.read())
                            .ok_or_else(|| self.damaged(id))?,
                    ),
                };
                rows.extend(row.time(span.property).map(|time| (time, sample)));
                Ok(())
            })?;
            if span.last {
                rows.reverse();
            }
            if found {
                all.push(Samples {
                    name,
                    dataset_id,
                    rows,
                    is_cut,
                });
            }
        }
        all.sort_by(|a, b| (&a.name, &a.dataset_id).cmp(&(&b.name, &b.dataset_id)));
        Ok(Some(all))
    }

    /// The head of an entity and all that a read of it needs; `None`: nothing is known of it.
    fn view(
        &self,
        tenant: &Tenant,
        id: &str,
        live: Live<'_>,
        span: &Span,
    ) -> Result<Option<(Head, View)>, Error> {
        if self.inner.read().notes.head(tenant, id, live).is_none() {
            return Ok(None);
        }
        self.at_one_moment(tenant, id, span, |inner, archived| {
            let head = inner.notes.head(tenant, id, live)?;
            let wanted = self.wanted(span);
            let view = View::new(inner, (tenant, id), wanted, span, archived);
            Some((head, view))
        })
    }

    /// The numbers of the attributes that a span names.
    pub(super) fn wanted(&self, span: &Span) -> Option<Vec<u32>> {
        span.attributes.as_ref().map(|attributes| {
            let names = self.names.read();
            let numbers = attributes.iter().filter_map(|name| names.known(name));
            numbers.collect()
        })
    }

    fn damaged(&self, id: &str) -> Error {
        Error::corrupt(
            &self.dir,
            0,
            format!("an instance of '{id}' cannot be read"),
        )
    }

    fn series(
        &self,
        id: &str,
        key: SeriesKey,
        rows: &[Row],
        is_cut: bool,
    ) -> Result<Series, Error> {
        let names = self.names.read();
        let damaged = || self.damaged(id);
        let name = names.text(key.name).ok_or_else(damaged)?;
        let dataset_id = names.text(key.dataset);
        let instances: Option<Vec<Instance>> = rows
            .iter()
            .map(|row| {
                let attribute = row.attribute(name, dataset_id, &names)?;
                Some(Instance {
                    id: row.id,
                    attribute,
                })
            })
            .collect();
        let instances = instances.ok_or_else(damaged)?;
        Ok(Series {
            name: name.clone(),
            dataset_id: dataset_id.cloned(),
            instances,
            is_cut,
        })
    }

    /// The first `limit` heads after `after` whose entity is or was of one of the `types` (empty:
    /// any), in id order. `page` gives, in id order, the first so many entities of these types
    /// after an id, as they stand now, with their last change (fewer means that there are no more);
    /// `seq` the last change of any entity that is there now.
    pub(crate) fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
        (mut page, seq): (
            impl FnMut(Option<&str>, usize) -> Result<Vec<(Arc<Entity>, Seq)>, Error>,
            impl Fn(&str) -> Option<Seq>,
        ),
    ) -> Result<Vec<Head>, Error> {
        let mut heads: Vec<Head> = Vec::new();
        let mut after: Option<Name> = after.map(Name::from);
        while heads.len() < limit {
            let wanted = (limit - heads.len()).max(16);
            let page = page(after.as_deref(), wanted)?;
            let end = (page.len() >= wanted).then(|| page.last()).flatten();
            let end = end.map(|(entity, _)| entity.id.clone());
            let inner = self.inner.read();
            let mut found: BTreeMap<Name, Head> = BTreeMap::new();
            for (entity, seq) in &page {
                let head = inner.notes.head(tenant, &entity.id, Some((entity, *seq)));
                found.extend(head.map(|head| (entity.id.clone(), head)));
            }
            let after_it = inner.notes.after(tenant, after.as_deref());
            let until_end =
                after_it.take_while(|(id, _)| end.as_ref().is_none_or(|end| *id <= end));
            let counting = until_end.filter(|(id, note)| seq(id).is_none_or(|s| s < note.at));
            let noted = counting.filter_map(|(id, note)| Some((id.clone(), note.head.clone()?)));
            let is_asked = |head: &Head| {
                types.is_empty() || head.types.iter().any(|name| types.contains(name))
            };
            found.extend(noted.filter(|(_, head)| is_asked(head)).take(wanted));
            heads.extend(found.into_values().filter(is_asked));
            let Some(end) = end else { break };
            after = Some(end);
        }
        heads.truncate(limit);
        Ok(heads)
    }
}

/// All that a read of one entity needs, taken at one moment.
#[derive(Debug)]
pub(super) struct View {
    owner: Vec<u8>,
    /// Numbers of the attributes asked for; `None`: all.
    wanted: Option<Vec<u32>>,
    segments: Vec<Arc<Segment>>,
    frozen: Option<(Arc<Tail>, u32)>,
    graves: Vec<Grave>,
    /// Rows at hand, for each place they come from: those of the tail, which moves on, and those
    /// of segments that have few.
    ready: BTreeMap<SeriesKey, Vec<Vec<Row>>>,
    archived: Option<Archived>,
}

impl View {
    pub(super) fn new(
        inner: &Inner,
        (tenant, id): (&Tenant, &str),
        wanted: Option<Vec<u32>>,
        span: &Span,
        archived: Option<Archived>,
    ) -> Self {
        let owner = owner_key(tenant, id);
        let full = inner.segments.iter().filter(|segment| !segment.hollow);
        let segments: Vec<Arc<Segment>> = full.cloned().collect();
        let mut graves: Vec<Grave> = segments
            .iter()
            .flat_map(|s| s.graves(&owner))
            .copied()
            .collect();
        let frozen = inner.frozen.as_ref().map(|(tail, _)| tail);
        for tail in frozen.into_iter().map(Arc::as_ref).chain([&inner.tail]) {
            graves.extend(tail.graves.get(&owner).into_iter().flatten());
        }
        let window = Window::new(span, &graves);
        let place = inner.tail.find(tenant, id);
        let keys = place
            .map(|place| inner.tail.series(place))
            .unwrap_or_default();
        let keys = keys
            .into_iter()
            .filter(|key| wanted.as_ref().is_none_or(|w| w.contains(&key.name)));
        let ready = keys
            .filter_map(|key| Some((key, vec![inner.tail.rows(place?, key, &window)])))
            .collect();
        let frozen = frozen.and_then(|tail| Some((Arc::clone(tail), tail.find(tenant, id)?)));
        Self {
            owner,
            wanted,
            segments,
            frozen,
            graves,
            ready,
            archived,
        }
    }

    /// Whether a row that lies elsewhere counts beside what the store has of its series.
    pub(super) fn leaves(
        &mut self,
        series: SeriesKey,
        row: &Row,
        span: &Span,
    ) -> Result<bool, Error> {
        if self.graves.iter().any(|grave| grave.hides(series, row)) {
            return Ok(false);
        }
        let mut stays = true;
        self.read(series, span, |_, other| {
            let is_then = other.observed && row.observed && other.moment == row.moment;
            stays = !(is_then && other.arrived > row.arrived);
            Ok(stays)
        })?;
        Ok(stays)
    }

    /// Gives the series of the entity, of the attributes wanted, and reads the rows of those
    /// segments that have few of them.
    pub(super) fn keys(&mut self, span: &Span) -> Result<BTreeSet<SeriesKey>, Error> {
        let wanted = self.wanted.as_deref();
        let is_wanted = |key: &SeriesKey| wanted.is_none_or(|wanted| wanted.contains(&key.name));
        let window = Window::new(span, &self.graves);
        let mut keys = BTreeSet::new();
        let mut large = Vec::new();
        for segment in std::mem::take(&mut self.segments) {
            let Some(few) = read::few(&segment, &self.owner, &window)? else {
                keys.extend(segment.series(&self.owner)?);
                large.push(segment);
                continue;
            };
            for (key, rows) in few.into_iter().filter(|(key, _)| is_wanted(key)) {
                self.ready.entry(key).or_default().push(rows);
            }
        }
        self.segments = large;
        keys.extend(self.ready.keys());
        if let Some((tail, place)) = &self.frozen {
            keys.extend(tail.series(*place));
        }
        keys.extend(self.archived.iter().flat_map(|archived| &archived.series));
        keys.retain(is_wanted);
        Ok(keys)
    }

    /// Shows the rows of a series that the span holds, in the direction of the read and no more
    /// than its limit; whether there are more. Once only.
    pub(super) fn rows(
        &mut self,
        series: SeriesKey,
        span: &Span,
        mut each: impl FnMut(Row) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut found = 0;
        let mut is_cut = false;
        self.read(series, span, |window, row| {
            if window.holds(&row) {
                is_cut = found == span.limit;
                if !is_cut {
                    found += 1;
                    each(row)?;
                }
            }
            Ok(!is_cut)
        })?;
        Ok(is_cut)
    }

    /// Shows the rows of a series that may count for the span, until `each` has enough. Once only.
    pub(super) fn read(
        &mut self,
        series: SeriesKey,
        span: &Span,
        mut each: impl FnMut(&Window<'_>, Row) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let ready = self.ready.remove(&series).unwrap_or_default();
        let window = Window::new(span, &self.graves);
        let segments = self.segments.iter();
        let mut sources: Vec<Source<'_>> = segments
            .map(|s| Source::segment(s, &self.owner, series, &window))
            .collect();
        if let Some((tail, place)) = &self.frozen {
            sources.push(Source::rows(tail.rows(*place, series, &window)));
        }
        sources.extend(ready.into_iter().map(Source::rows));
        if let Some(archived) = &mut self.archived
            && archived.series.contains(&series)
        {
            sources.push(Source::archived(archived, series));
        }
        read::join(sources, series, span.last, &self.graves, |row| {
            each(&window, row)
        })
    }
}

/// Above 2^53 not every whole number is a float; the nearest counts, as it does in JSON.
#[expect(clippy::cast_precision_loss, reason = "the nearest is what is wanted")]
fn whole(int: i64) -> f64 {
    int as f64
}

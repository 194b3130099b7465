//! Reading entities over time, and their heads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Name, Seq, Tenant};
use ngsi::Entity;
use ngsi::temporal::{Evolution, Head, Instance, Series, Span};

use super::grave::Grave;
use super::read::{self, Source};
use super::row::{Row, SeriesKey};
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
        let wanted: Option<Vec<u32>> = span.attributes.as_ref().map(|attributes| {
            let names = self.names.read();
            attributes
                .iter()
                .filter_map(|name| names.known(name))
                .collect()
        });
        let inner = self.inner.read();
        let Some(head) = inner.notes.head(tenant, id, live) else {
            return Ok(None);
        };
        let view = View::new(&inner, tenant, id, wanted.as_deref(), span);
        drop(inner);
        let mut series = Vec::new();
        for key in view.series(wanted.as_deref())? {
            let mut rows = Vec::new();
            let window = Window::new(span, &view.graves);
            view.read(key, span, |row| {
                if window.holds(&row) {
                    rows.push(row);
                }
                rows.len() <= span.limit
            })?;
            let is_cut = rows.len() > span.limit;
            rows.truncate(span.limit);
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

    fn series(
        &self,
        id: &str,
        key: SeriesKey,
        rows: &[Row],
        is_cut: bool,
    ) -> Result<Series, Error> {
        let names = self.names.read();
        let damaged = || {
            let what = format!("an instance of '{id}' cannot be read");
            Error::corrupt(&self.dir, 0, what)
        };
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
    segments: Vec<Arc<Segment>>,
    frozen: Option<(Arc<Tail>, u32)>,
    pub(super) graves: Vec<Grave>,
    /// The rows of the tail: it moves on, so they are copied.
    tail: BTreeMap<SeriesKey, Vec<Row>>,
}

impl View {
    pub(super) fn new(
        inner: &Inner,
        tenant: &Tenant,
        id: &str,
        wanted: Option<&[u32]>,
        span: &Span,
    ) -> Self {
        let owner = owner_key(tenant, id);
        let segments = inner.segments.clone();
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
            .filter(|key| wanted.is_none_or(|w| w.contains(&key.name)));
        let tail = keys
            .filter_map(|key| Some((key, inner.tail.rows(place?, key, &window))))
            .collect();
        let frozen = frozen.and_then(|tail| Some((Arc::clone(tail), tail.find(tenant, id)?)));
        Self {
            owner,
            segments,
            frozen,
            graves,
            tail,
        }
    }

    /// The series of the entity, of the attributes wanted.
    pub(super) fn series(&self, wanted: Option<&[u32]>) -> Result<BTreeSet<SeriesKey>, Error> {
        let mut keys: BTreeSet<SeriesKey> = self.tail.keys().copied().collect();
        if let Some((tail, place)) = &self.frozen {
            keys.extend(tail.series(*place));
        }
        for segment in &self.segments {
            keys.extend(segment.series(&self.owner)?);
        }
        keys.retain(|key| wanted.is_none_or(|wanted| wanted.contains(&key.name)));
        Ok(keys)
    }

    /// Shows the rows of a series that may count for the span, until `each` has enough.
    pub(super) fn read(
        &self,
        series: SeriesKey,
        span: &Span,
        mut each: impl FnMut(Row) -> bool,
    ) -> Result<(), Error> {
        let window = Window::new(span, &self.graves);
        let segments = self.segments.iter();
        let mut sources: Vec<Source<'_>> = segments
            .map(|s| Source::segment(s, &self.owner, series, &window))
            .collect();
        if let Some((tail, place)) = &self.frozen {
            sources.push(Source::rows(tail.rows(*place, series, &window)));
        }
        sources.extend(
            self.tail
                .get(&series)
                .map(|rows| Source::rows(rows.clone())),
        );
        read::join(sources, series, span.last, &self.graves, |row| {
            Ok(each(row))
        })
    }
}

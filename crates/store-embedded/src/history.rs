//! History: what the attributes of entities were, derived from the log [CIM-009 §4.5.6].
//!
//! New instances stand in a [tail](tail) in memory. A seal writes the tail as an immutable
//! [segment](segment), ordered by entity, series and moment; segments are [merged](merge) in the
//! background. A read joins segments and tail. What edits take out is marked by [graves](grave).
//!
//! Whatever a segment covers is not taken from the log again, so replay may begin anywhere before.
//! The head of an entity is what the entity itself says, but for the cases that [notes](head) hold.
//!
//! How the engine uses it:
//! - [`History::apply`] for every change, in order of seq, by one thread at a time;
//! - at a checkpoint [`History::seal`] first, then the checkpoint of the state, then the log may be
//!   recycled: a replay then always finds the entities as they were before each change that
//!   history still needs;
//! - after a seal, [`History::merge`] in the background while it says that there is more.

mod blob;
mod bytes;
mod chunk;
mod chunked;
mod footer;
mod grave;
mod head;
mod merge;
mod names;
mod read;
mod row;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::{Evolution, Head, HistoryEdit, Instance, InstanceId, Series, Span};
use ngsi::{Attribute, AttributeKey, AttributeValue, Entity};
use parking_lot::{Mutex, RwLock};
use ports::{Change, EntityChange, Fact};

use self::footer::Footer;
use self::grave::{Grave, Reach};
use self::head::{Note, Notes};
use self::names::Names;
use self::read::Source;
use self::row::{Row, SeriesKey};
use self::segment::{Builder, Segment};
use self::tail::Tail;
use self::window::Window;
use crate::Error;
use crate::files::Files;

/// An entity as it stands and its last change.
pub(crate) type Live<'a> = Option<(&'a Entity, Seq)>;

/// The history of all entities of all tenants.
#[derive(Debug)]
pub(crate) struct History {
    files: Arc<dyn Files>,
    dir: PathBuf,
    inner: RwLock<Inner>,
    /// Taken after `inner` where both are.
    names: RwLock<Names>,
    /// Held while a tail is being sealed.
    sealing: Mutex<()>,
    /// Held while segments are being merged.
    merging: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    /// From old to new.
    segments: Vec<Arc<Segment>>,
    /// What is being sealed, up to that change.
    frozen: Option<(Arc<Tail>, Seq)>,
    tail: Tail,
    notes: Notes,
    applied: Seq,
    covered: Seq,
    /// Texts of the dictionary that segments hold.
    sealed_names: u32,
}

/// Where an instance was found.
#[derive(Debug)]
struct Found {
    series: SeriesKey,
    row: Row,
}

/// Tenant and entity as ordered bytes: a zero byte, which no tenant's name has, stands between.
fn owner_key(tenant: &Tenant, id: &str) -> Vec<u8> {
    [tenant.as_str().as_bytes(), &[0], id.as_bytes()].concat()
}

fn split_owner(owner: &[u8]) -> Option<(Tenant, Name)> {
    let (tenant, id) = std::str::from_utf8(owner).ok()?.split_once('\0')?;
    Some((Tenant::new(tenant).ok()?, id.into()))
}

impl History {
    /// Opens the history in a folder, which is made if it is not there.
    pub(crate) fn open(files: Arc<dyn Files>, dir: &Path) -> Result<Self, Error> {
        files.create_dir(dir).map_err(Error::io("create", dir))?;
        let mut names = Names::default();
        let mut inner = Inner::default();
        for name in settled_files(&*files, dir)? {
            let path = dir.join(&name);
            let (segment, footer) = Segment::open(&*files, &path, &mut names)?;
            if segment.from != inner.covered.next() {
                let what = format!("history from change {} on is missing", inner.covered.next());
                return Err(Error::corrupt(&path, 0, what));
            }
            for (owner, note) in footer.notes {
                if let Some((tenant, id)) = split_owner(&owner) {
                    inner.notes.put(&tenant, &id, note);
                }
            }
            inner.covered = segment.to;
            inner.segments.push(Arc::new(segment));
        }
        inner.applied = inner.covered;
        inner.sealed_names = names.len();
        Ok(Self {
            files,
            dir: dir.to_owned(),
            inner: RwLock::new(inner),
            names: RwLock::new(names),
            sealing: Mutex::new(()),
            merging: Mutex::new(()),
        })
    }

    /// The change up to which all is in segments: replay need not bring older ones.
    pub(crate) fn covered(&self) -> Seq {
        self.inner.read().covered
    }

    /// About how many bytes the tail takes in memory; a seal frees them.
    pub(crate) fn tail_bytes(&self) -> usize {
        let inner = self.inner.read();
        inner.tail.bytes() + inner.frozen.as_ref().map_or(0, |(tail, _)| tail.bytes())
    }

    /// Adds what a change means for history. `before` is the entity before the change; it is needed
    /// for a put over an existing entity, a delete and [`HistoryEdit::Add`], and not for a patch.
    /// A change that is already covered is passed over.
    pub(crate) fn apply(&self, change: &Change, before: Live<'_>) -> Result<(), Error> {
        if change.seq <= self.inner.read().applied {
            return Ok(());
        }
        match &change.fact {
            Fact::Entity { id, change: what } => self.apply_entity(change, id, what, before),
            Fact::History { id, edit } => self.apply_edit(change, id, edit, before)?,
            Fact::Doc { .. } => {}
        }
        self.inner.write().applied = change.seq;
        Ok(())
    }

    fn apply_entity(&self, change: &Change, id: &Name, what: &EntityChange, before: Live<'_>) {
        let mut inner = self.inner.write();
        let mut names = self.names.write();
        let before = before.map(|(entity, _)| entity);
        match what {
            EntityChange::Put(entity) => {
                let gone = before.into_iter().flat_map(|b| &b.attributes);
                let gone = gone.filter(|a| !has(entity, a)).map(Attribute::key);
                let modified = entity.modified_at;
                inner.append(change, id, modified, (&entity.attributes, gone), &mut names);
                inner.notes.forget(&change.tenant, id);
            }
            EntityChange::Patch { delta, .. } => {
                let gone = delta.remove.iter().cloned();
                inner.append(
                    change,
                    id,
                    delta.modified_at,
                    (&delta.set, gone),
                    &mut names,
                );
            }
            EntityChange::Delete { at, types } => {
                let gone = before
                    .into_iter()
                    .flat_map(|b| &b.attributes)
                    .map(Attribute::key);
                inner.append(change, id, *at, (&[], gone), &mut names);
                let head = match before {
                    Some(entity) => Head {
                        deleted_at: Some(*at),
                        ..head::of(entity)
                    },
                    None => Head {
                        deleted_at: Some(*at),
                        ..new_head(id.clone(), types.clone(), Vec::new(), *at)
                    },
                };
                inner.note(change, id, Some(head), &mut names);
            }
        }
    }

    fn apply_edit(
        &self,
        change: &Change,
        id: &Name,
        edit: &HistoryEdit,
        before: Live<'_>,
    ) -> Result<(), Error> {
        match edit {
            HistoryEdit::Add {
                types,
                scope,
                instances,
            } => {
                let mut inner = self.inner.write();
                let mut names = self.names.write();
                inner.add_head(change, id, (types, scope), before, &mut names);
                let modified = instances.first().map_or(change.time, |a| a.modified_at);
                inner.append(
                    change,
                    id,
                    modified,
                    (instances, std::iter::empty()),
                    &mut names,
                );
            }
            HistoryEdit::RemoveAttribute { name, dataset_id } => {
                let Some(name) = self.names.read().known(name) else {
                    return Ok(());
                };
                let dataset = match dataset_id {
                    None => None,
                    Some(None) => Some(0),
                    Some(Some(dataset)) => match self.names.read().known(dataset) {
                        Some(dataset) => Some(dataset),
                        None => return Ok(()),
                    },
                };
                self.inner
                    .write()
                    .bury(change, id, Reach::Attribute(name, dataset));
            }
            HistoryEdit::RemoveInstance { name, instance } => {
                if let Some(found) = self.locate(&change.tenant, id, name, *instance)? {
                    self.inner.write().bury(change, id, found.reach());
                }
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                let found = self.locate(&change.tenant, id, &attribute.name, *instance)?;
                let Some(found) = found else { return Ok(()) };
                let mut inner = self.inner.write();
                inner.bury(change, id, found.reach());
                let owner = inner.tail.owner(&change.tenant, id);
                inner.tail.begin(change.seq, attribute.modified_at.0);
                inner
                    .tail
                    .replace(owner, attribute, *instance, &mut self.names.write());
            }
            HistoryEdit::RemoveEntity => {
                let mut inner = self.inner.write();
                inner.bury(change, id, Reach::Entity);
                inner.note(change, id, None, &mut self.names.write());
            }
        }
        Ok(())
    }

    /// The instance of that identity among those that count.
    fn locate(
        &self,
        tenant: &Tenant,
        id: &Name,
        name: &Name,
        instance: InstanceId,
    ) -> Result<Option<Found>, Error> {
        let Some(number) = self.names.read().known(name) else {
            return Ok(None);
        };
        let span = Span::all(usize::MAX);
        let view = View::new(&self.inner.read(), tenant, id, Some(&[number]), &span);
        let mut found = None;
        for series in view.series(Some(&[number]))? {
            view.read(series, &span, |row| {
                if row.id == instance {
                    found = Some(Found { series, row });
                }
                found.is_none()
            })?;
        }
        Ok(found)
    }

    /// Writes what is in the tail to a segment, durable, and gives the change up to which all is
    /// covered now. Blocks on the disk; changes may be applied and read meanwhile. When it fails,
    /// nothing is lost and the next seal tries again.
    pub(crate) fn seal(&self) -> Result<Seq, Error> {
        let _one_at_a_time = self.sealing.lock();
        let goal = self.inner.read().applied;
        while self.covered() < goal {
            let (tail, footer) = self.freeze();
            let sealed_names = footer.names_before + u32::try_from(footer.names.len()).unwrap_or(0);
            let segment = self.write_tail(&tail, footer)?;
            let mut inner = self.inner.write();
            inner.covered = segment.to;
            inner.sealed_names = sealed_names;
            inner.segments.push(Arc::new(segment));
            inner.frozen = None;
        }
        Ok(self.covered())
    }

    /// Sets the tail aside, unless one is still aside after a failure.
    fn freeze(&self) -> (Arc<Tail>, Footer) {
        let mut inner = self.inner.write();
        let inner = &mut *inner;
        let (tail, to) = inner
            .frozen
            .get_or_insert_with(|| (Arc::new(std::mem::take(&mut inner.tail)), inner.applied));
        let footer = Footer {
            from: inner.covered.next(),
            to: *to,
            names_before: inner.sealed_names,
            names: self.names.read().after(inner.sealed_names).to_vec(),
            blocks: Vec::new(),
            graves: tail.graves.clone(),
            notes: tail.notes.clone(),
        };
        (Arc::clone(tail), footer)
    }

    fn write_tail(&self, tail: &Tail, footer: Footer) -> Result<Segment, Error> {
        let mut builder = Builder::new(&*self.files, &self.dir, footer)?;
        let span = Span::all(usize::MAX);
        let window = Window::new(&span, &[]);
        for (key, owner) in tail.owners() {
            let graves = tail.graves.get(&key).map_or(&[][..], Vec::as_slice);
            for series in tail.series(owner) {
                let rows = tail.rows(owner, series, &window);
                read::join(vec![Source::rows(rows)], series, false, graves, |row| {
                    builder.push(&key, series, &row).map(|()| true)
                })?;
            }
        }
        builder.finish(&self.names.read())
    }

    /// Merges a few neighbouring segments if it is time to, and says whether it did: then there may
    /// be more to merge. Blocks on the disk for as long as it takes to rewrite them; everything
    /// else goes on meanwhile.
    pub(crate) fn merge(&self) -> Result<bool, Error> {
        let _one_at_a_time = self.merging.lock();
        let all = self.inner.read().segments.clone();
        let sizes: Vec<u64> = all.iter().map(|segment| segment.bytes).collect();
        let range = merge::choose(&sizes);
        let Some(range) = range else { return Ok(false) };
        let Some(old) = all.get(range.clone()) else {
            return Ok(false);
        };
        let footer = self.merged_footer(old, range.start == 0)?;
        let mut builder = Builder::new(&*self.files, &self.dir, footer)?;
        let graves_of = |owner: &[u8]| all.iter().flat_map(|s| s.graves(owner)).copied().collect();
        merge::write(old, graves_of, &mut builder)?;
        let merged = Arc::new(builder.finish(&self.names.read())?);
        self.inner.write().segments.splice(range, [merged]);
        for segment in old {
            self.files
                .remove(&segment.path)
                .map_err(Error::io("remove", &segment.path))?;
        }
        self.files
            .sync_dir(&self.dir)
            .map_err(Error::io("sync", &self.dir))?;
        Ok(true)
    }

    fn merged_footer(&self, old: &[Arc<Segment>], is_oldest: bool) -> Result<Footer, Error> {
        let mut merged = Footer::default();
        for segment in old {
            let footer = {
                let names = self.names.read();
                segment.footer(&names)?
            };
            if merged.from == Seq::ZERO {
                (merged.from, merged.names_before) = (footer.from, footer.names_before);
            }
            merged.to = footer.to;
            merged.names.extend(footer.names);
            merged.notes.extend(footer.notes);
            if !is_oldest {
                for (owner, graves) in footer.graves {
                    merged.graves.entry(owner).or_default().extend(graves);
                }
            }
        }
        Ok(merged)
    }

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
    /// any), in id order. `live` gives, in id order, up to that many entities of these types after
    /// an id, as they stand now, with their last change; fewer than asked for means the end.
    pub(crate) fn heads<E: AsRef<Entity>>(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
        mut live: impl FnMut(Option<&str>, usize) -> Result<Vec<(E, Seq)>, Error>,
    ) -> Result<Vec<Head>, Error> {
        let mut heads: Vec<Head> = Vec::new();
        let mut after: Option<Name> = after.map(Name::from);
        while heads.len() < limit {
            let wanted = (limit - heads.len()).max(16);
            let page = live(after.as_deref(), wanted)?;
            let end = (page.len() >= wanted).then(|| page.last()).flatten();
            let end = end.map(|(entity, _)| entity.as_ref().id.clone());
            let mut found = self.noted(tenant, after.as_deref(), end.as_deref(), &page);
            found.retain(|head| types.is_empty() || head.types.iter().any(|t| types.contains(t)));
            heads.extend(found);
            let Some(end) = end else { break };
            after = Some(end);
        }
        heads.truncate(limit);
        Ok(heads)
    }

    /// The heads between two ids (`until` included), notes and a page of entities taken together.
    fn noted<E: AsRef<Entity>>(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
        until: Option<&str>,
        page: &[(E, Seq)],
    ) -> Vec<Head> {
        let inner = self.inner.read();
        let mut heads: BTreeMap<Name, Option<Head>> = BTreeMap::new();
        let mut seqs: BTreeMap<&str, Seq> = BTreeMap::new();
        for (entity, seq) in page {
            let entity = entity.as_ref();
            seqs.insert(&entity.id, *seq);
            heads.insert(entity.id.clone(), Some(head::of(entity)));
        }
        for (id, note) in inner.notes.after(tenant, after) {
            if until.is_some_and(|until| **id > *until) {
                break;
            }
            if seqs.get(id.as_str()).is_none_or(|seq| note.at > *seq) {
                heads.insert(id.clone(), note.head.clone());
            }
        }
        heads.into_values().flatten().collect()
    }

    /// The tenants that have heads without entities.
    pub(crate) fn tenants(&self) -> BTreeSet<Tenant> {
        self.inner.read().notes.tenants().cloned().collect()
    }
}

impl Inner {
    /// Appends the instances of a change: those set, then a deletion of each that is gone.
    fn append(
        &mut self,
        change: &Change,
        id: &Name,
        modified: Time,
        (set, gone): (&[Attribute], impl Iterator<Item = AttributeKey>),
        names: &mut Names,
    ) {
        let owner = self.tail.owner(&change.tenant, id);
        self.tail.begin(change.seq, modified.0);
        for attribute in set {
            self.tail.push(owner, attribute, names);
        }
        for key in gone {
            let mut deletion = Attribute::new(key.name, AttributeValue::Null);
            deletion.dataset_id = key.dataset_id;
            deletion.stamp(modified, modified);
            self.tail.push(owner, &deletion, names);
        }
    }

    fn bury(&mut self, change: &Change, id: &Name, reach: Reach) {
        let graves = self
            .tail
            .graves
            .entry(owner_key(&change.tenant, id))
            .or_default();
        graves.push(Grave {
            at: change.seq,
            reach,
        });
    }

    fn note(&mut self, change: &Change, id: &Name, head: Option<Head>, names: &mut Names) {
        for name in head.iter().flat_map(|head| &head.types) {
            names.number(name);
        }
        let note = Note {
            at: change.seq,
            head,
        };
        self.tail
            .notes
            .insert(owner_key(&change.tenant, id), note.clone());
        self.notes.put(&change.tenant, id, note);
    }

    /// Makes or widens the head of an entity that gets instances from outside.
    fn add_head(
        &mut self,
        change: &Change,
        id: &Name,
        (types, scope): (&[Name], &[Name]),
        live: Live<'_>,
        names: &mut Names,
    ) {
        let old = self.notes.head(&change.tenant, id, live);
        let mut head = old
            .clone()
            .unwrap_or_else(|| new_head(id.clone(), Vec::new(), Vec::new(), change.time));
        for name in types {
            if !head.types.contains(name) {
                head.types.push(name.clone());
            }
        }
        if !scope.is_empty() {
            head.scope = scope.to_vec();
        }
        if old.as_ref() != Some(&head) {
            self.note(change, id, Some(head), names);
        }
    }
}

fn new_head(id: Name, types: Vec<Name>, scope: Vec<Name>, at: Time) -> Head {
    let (created_at, modified_at) = (at, at);
    Head {
        id,
        types,
        scope,
        created_at,
        modified_at,
        deleted_at: None,
        expires_at: None,
    }
}

fn has(entity: &Entity, attribute: &Attribute) -> bool {
    entity
        .attribute(&attribute.name, attribute.dataset_id.as_deref())
        .is_some()
}

impl Found {
    /// Hides it, and with it what it hid.
    fn reach(&self) -> Reach {
        if self.row.observed {
            Reach::Observed(self.series, self.row.moment)
        } else {
            Reach::Instance(self.series, self.row.id)
        }
    }
}

/// All that a read of one entity needs, taken at one moment.
#[derive(Debug)]
struct View {
    owner: Vec<u8>,
    segments: Vec<Arc<Segment>>,
    frozen: Option<(Arc<Tail>, u32)>,
    graves: Vec<Grave>,
    /// The rows of the tail: it moves on, so they are copied.
    tail: BTreeMap<SeriesKey, Vec<Row>>,
}

impl View {
    fn new(inner: &Inner, tenant: &Tenant, id: &str, wanted: Option<&[u32]>, span: &Span) -> Self {
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
    fn series(&self, wanted: Option<&[u32]>) -> Result<BTreeSet<SeriesKey>, Error> {
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
    fn read(
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

/// The segments of a folder that count, from old to new; what a crash left behind is removed.
fn settled_files(files: &dyn Files, dir: &Path) -> Result<Vec<String>, Error> {
    let mut kept: Vec<(String, (Seq, Seq))> = Vec::new();
    let mut rest = Vec::new();
    let mut found: Vec<(String, (Seq, Seq))> = Vec::new();
    for name in files.list(dir).map_err(Error::io("list", dir))? {
        match segment::range_of(&name) {
            Some(range) => found.push((name, range)),
            None if name.ends_with(segment::UNFINISHED) => rest.push(name),
            None => {}
        }
    }
    // A merged segment begins where its first part does and ends later.
    found.sort_by_key(|(_, (from, to))| (*from, std::cmp::Reverse(*to)));
    for (name, (from, to)) in found {
        match kept.last() {
            Some((_, (_, covered))) if to <= *covered => rest.push(name),
            _ => kept.push((name, (from, to))),
        }
    }
    for name in rest {
        let path = dir.join(name);
        files.remove(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(kept.into_iter().map(|(name, _)| name).collect())
}

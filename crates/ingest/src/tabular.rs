//! Delimited text under a mapping: rows become entities, and rows with a moment their history.
//!
//! Every entity is handed on once with what does not change; its measurements follow as history,
//! in parts of bounded size.

pub(crate) mod live;
mod mapping;
mod moment;
mod path;
mod template;
mod value;

use std::collections::{BTreeMap, HashMap, HashSet};

use base::Time;
use base::limits::{ATTRIBUTES_MAX, URI_BYTES_MAX};
use serde_json::{Map, Value, json};

use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::rows::{Row, Rows};
use crate::source::Source;
use crate::table::{Meter, Table};
use crate::vocabulary::{CORE_CONTEXT, Model};
pub use mapping::Mapping;
pub(crate) use mapping::encoding;
use mapping::{AttributeSpec, LOOKUP};

/// Values of history held before they are handed on.
const VALUES_HELD_MAX: usize = 50_000;
/// Entities of one table, each of which is remembered by its id.
const ENTITIES_MAX: usize = 5_000_000;

/// Imports a table.
pub(crate) fn import(
    source: &Source,
    mapping: &Mapping,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    source.check()?;
    let file = source.name();
    let stream = source.stream()?;
    let meter = Meter {
        done: stream.done(),
        total: stream.total,
    };
    let broken = |reason: &dyn std::fmt::Display| ImportError::broken(&file, &reason);
    let encoding = encoding(mapping.file.encoding.as_deref()).map_err(|reason| broken(&reason))?;
    let delimiter = u8::try_from(mapping.file.delimiter).map_err(|reason| broken(&reason))?;
    let mut rows =
        Rows::open(Box::new(stream), delimiter, encoding).map_err(|reason| broken(&reason))?;
    let mut row = Row::default();
    for _ in 0..mapping.file.skip_rows {
        rows.next(&mut row).map_err(|reason| broken(&reason))?;
    }
    let mut table = Table::new(rows, &file, meter, out)?;
    for _ in 1..mapping.file.header_rows {
        table.next(&mut row, out)?;
    }
    let mut run = Run::new(mapping, &table, file.clone())?;
    let mut number = 0;
    while table.next(&mut row, out)? {
        run.row(&row, number, out)?;
        number += 1;
    }
    run.flush(out)
}

/// One pass over one table.
struct Run<'m> {
    mapping: &'m Mapping,
    file: String,
    columns: HashMap<String, usize>,
    /// The columns of a matrix, each an entity.
    wide: Vec<String>,
    /// Full names of the attributes, in the order of the mapping.
    names: Vec<String>,
    kind: String,
    last: HashMap<String, Option<Time>>,
    /// Values by entity and attribute.
    held: BTreeMap<String, BTreeMap<usize, Vec<Value>>>,
    held_count: usize,
}

/// One row seen as one entity.
#[derive(Clone, Copy)]
struct View<'v> {
    columns: &'v HashMap<String, usize>,
    row: &'v Row,
    lookup: Option<(&'v HashMap<String, usize>, &'v Row)>,
    /// The column that is the entity, in a matrix.
    wide: Option<&'v str>,
}

impl<'v> View<'v> {
    fn at(&self, name: &str) -> &'v str {
        if let (Some(wide), "column") = (self.wide, name) {
            return wide;
        }
        match name.strip_prefix(LOOKUP) {
            Some(name) => {
                let Some((columns, row)) = self.lookup else {
                    return "";
                };
                row.at(columns.get(name).copied())
            }
            None => self.row.at(self.columns.get(name).copied()),
        }
    }
}

impl<'m> Run<'m> {
    fn new(mapping: &'m Mapping, table: &Table<'_>, file: String) -> Result<Self, ImportError> {
        let columns: HashMap<String, usize> = table
            .names()
            .iter()
            .filter_map(|name| Some((name.clone(), table.column(name)?)))
            .collect();
        let full = |model: Option<&str>, term: &str| match model.filter(|model| !model.is_empty()) {
            Some(model) => Model(model).name(term),
            None => term.to_owned(),
        };
        let model = mapping.entity.model.as_deref();
        let names = mapping
            .attributes
            .iter()
            .map(|how| full(how.model.as_deref().or(model), &how.name))
            .collect();
        let mut run = Self {
            mapping,
            kind: full(model, &mapping.entity.kind),
            names,
            wide: Vec::new(),
            last: HashMap::new(),
            held: BTreeMap::new(),
            held_count: 0,
            columns,
            file,
        };
        let required = run.required();
        for name in &required {
            let known = match name.strip_prefix(LOOKUP) {
                Some(name) => run
                    .mapping
                    .lookup
                    .as_ref()
                    .is_some_and(|l| l.columns.contains_key(name)),
                None => run.columns.contains_key(name),
            };
            if !known {
                return Err(ImportError::broken(
                    &run.file,
                    &format!("there is no column {name:?}"),
                ));
            }
        }
        if let Some(how) = mapping.attributes.iter().find(|how| how.is_wide()) {
            let mut seen = HashSet::new();
            run.wide = table
                .names()
                .iter()
                .filter(|name| {
                    !required.contains(*name) && !how.except.contains(*name) && !name.is_empty()
                })
                .filter(|name| seen.insert((*name).clone()))
                .cloned()
                .collect();
        }
        Ok(run)
    }

    /// The columns that the mapping names; all must be there.
    fn required(&self) -> HashSet<String> {
        let mapping = self.mapping;
        let is_wide = mapping.attributes.iter().any(AttributeSpec::is_wide);
        let mut named: HashSet<String> = HashSet::new();
        named.extend(mapping.id.names().map(str::to_owned));
        if let Some(lookup) = &mapping.lookup {
            named.extend(lookup.wanted.names().map(str::to_owned));
        }
        if is_wide {
            named.remove("column");
        }
        if let Some(time) = &mapping.time {
            named.extend(time.columns().into_iter().map(str::to_owned));
        }
        if let Some(location) = &mapping.location {
            named.extend([location.lon.clone(), location.lat.clone()]);
        }
        let attributes = mapping.attributes.iter().filter(|how| !how.is_wide());
        named.extend(attributes.filter_map(|how| how.column.clone()));
        named
    }

    fn row(&mut self, row: &Row, number: u64, out: &mut Out<'_>) -> Result<(), ImportError> {
        if !self.mapping.attributes.iter().any(AttributeSpec::is_wide) {
            return self.entity(row, number, None, out);
        }
        let wide = std::mem::take(&mut self.wide);
        let result = wide
            .iter()
            .try_for_each(|name| self.entity(row, number, Some(name), out));
        self.wide = wide;
        result
    }

    fn entity(
        &mut self,
        row: &Row,
        number: u64,
        wide: Option<&str>,
        out: &mut Out<'_>,
    ) -> Result<(), ImportError> {
        let mapping = self.mapping;
        let columns = std::mem::take(&mut self.columns);
        let mut view = View {
            columns: &columns,
            row,
            lookup: None,
            wide,
        };
        let mut missed = None;
        if let Some(lookup) = &mapping.lookup {
            let key = lookup.wanted.plain(|name| view.at(name));
            view.lookup = lookup.rows.get(&key).map(|found| (&lookup.columns, found));
            missed = view.lookup.is_none().then_some(key);
        }
        let result = self.view(view, number, missed, out);
        self.columns = columns;
        result
    }

    fn view(
        &mut self,
        view: View<'_>,
        number: u64,
        missed: Option<String>,
        out: &mut Out<'_>,
    ) -> Result<(), ImportError> {
        let mapping = self.mapping;
        let line = Some(view.row.line);
        let id = match mapping.id.uri(|name| view.at(name)) {
            Ok(id) if id.len() <= URI_BYTES_MAX => id,
            Ok(id) => {
                out.complain(
                    &self.file,
                    line,
                    format!("id {} is too long; left out", shown(&id)),
                );
                return Ok(());
            }
            Err(empty) => {
                out.complain(&self.file, line, format!("{empty} is empty; left out"));
                return Ok(());
            }
        };
        let before = self.last.get(&id).copied();
        let time = match &mapping.time {
            None => None,
            Some(clock) => match clock.at(|name| view.at(name), number, before.flatten()) {
                Ok(time) => Some(time),
                Err(reason) => {
                    out.complain(&self.file, line, format!("{reason}; left out"));
                    return Ok(());
                }
            },
        };
        let again = match before {
            Some(before) => before == time,
            None => false,
        };
        if again {
            let what = if time.is_some() { "its moment" } else { "it" };
            let reason = format!("{} and {what} come a second time; left out", shown(&id));
            out.complain(&self.file, line, reason);
            return Ok(());
        }
        if before.is_none() {
            if self.last.len() >= ENTITIES_MAX {
                return Err(ImportError::too_large(
                    &self.file,
                    "more than five million entities",
                ));
            }
            if let Some(key) = missed {
                let reason = format!("{} is not in the lookup table; taken without", shown(&key));
                out.complain(&self.file, line, reason);
            }
            let entity = self.steady(&id, view, time.is_some(), out);
            out.entity(&self.file, entity)?;
        }
        self.last.insert(id.clone(), time);
        if let Some(time) = time {
            self.measured(&id, view, time, out);
            if self.held_count >= VALUES_HELD_MAX {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    /// The text of an attribute in this row, unless it is a null.
    fn text<'v>(&self, how: &AttributeSpec, view: View<'v>) -> Option<&'v str> {
        let text = match (view.wide, how.is_wide()) {
            (Some(wide), true) => view.row.at(view.columns.get(wide).copied()),
            _ => view.at(how.column.as_deref()?),
        };
        let null = text.is_empty() || self.mapping.file.nulls.iter().any(|null| null == text);
        (!null).then_some(text)
    }

    /// The value of an attribute in this row; complains about a text that is none.
    fn value(&self, how: &AttributeSpec, view: View<'_>, out: &mut Out<'_>) -> Option<Value> {
        if let Some(value) = &how.value {
            return Some(value.clone());
        }
        let text = self.text(how, view)?;
        match value::value(text, how, &self.mapping.file) {
            Ok(value) => Some(value),
            Err(reason) => {
                let column = match view.wide {
                    Some(wide) if how.is_wide() => wide,
                    _ => how.column.as_deref().unwrap_or_default(),
                };
                let reason = format!("{column}: {reason}; taken without");
                out.complain(&self.file, Some(view.row.line), reason);
                None
            }
        }
    }

    /// The entity with what does not change; all of it where rows have no moment.
    fn steady(&self, id: &str, view: View<'_>, timed: bool, out: &mut Out<'_>) -> Value {
        let mut map = self.head(id);
        for (how, name) in self.mapping.attributes.iter().zip(&self.names) {
            let steady = !timed || how.is_static || how.value.is_some() || is_lookup(how);
            if !steady {
                continue;
            }
            let Some(value) = self.value(how, view, out) else {
                continue;
            };
            let Some(language) = how.language.as_deref() else {
                map.insert(name.clone(), Value::Object(value::attribute(&value, how)));
                continue;
            };
            let texts = map
                .entry(name.clone())
                .or_insert_with(|| json!({"type": "LanguageProperty", "languageMap": {}}));
            if let Some(Value::Object(texts)) = texts.get_mut("languageMap") {
                texts.insert(language.to_owned(), value);
            }
        }
        if let Some(location) = &self.mapping.location {
            let (lon, lat) = (view.at(&location.lon), view.at(&location.lat));
            match place(lon, lat, self.mapping.file.decimal) {
                Some((lon, lat)) => {
                    let point = crate::entity::point(lon, lat);
                    let property = json!({"type": "GeoProperty", "value": point});
                    map.insert("location".to_owned(), property);
                }
                None if lon.is_empty() && lat.is_empty() => {}
                None => {
                    let place = (shown(lat), shown(lon));
                    let reason = format!(
                        "{}, {} is no place on Earth; taken without",
                        place.0, place.1
                    );
                    out.complain(&self.file, Some(view.row.line), reason);
                }
            }
        }
        Value::Object(map)
    }

    fn head(&self, id: &str) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("id".to_owned(), Value::from(id));
        map.insert("type".to_owned(), Value::from(self.kind.as_str()));
        map.insert("@context".to_owned(), Value::from(CORE_CONTEXT));
        map
    }

    /// Holds what was measured at this moment.
    fn measured(&mut self, id: &str, view: View<'_>, time: Time, out: &mut Out<'_>) {
        let mapping = self.mapping;
        for (place, how) in mapping.attributes.iter().enumerate() {
            if how.is_static || how.value.is_some() || is_lookup(how) {
                continue;
            }
            let Some(value) = self.value(how, view, out) else {
                continue;
            };
            let mut instance = value::attribute(&value, how);
            instance.insert("observedAt".to_owned(), Value::from(time.to_string()));
            let entity = self.held.entry(id.to_owned()).or_default();
            entity
                .entry(place)
                .or_default()
                .push(Value::Object(instance));
            self.held_count += 1;
        }
    }

    /// Hands on the history that is held, each entity's in parts that a node takes at once.
    fn flush(&mut self, out: &mut Out<'_>) -> Result<(), ImportError> {
        self.held_count = 0;
        for (id, attributes) in std::mem::take(&mut self.held) {
            let mut part = self.head(&id);
            let mut count = 0;
            for (place, mut values) in attributes {
                let Some(name) = self.names.get(place) else {
                    continue;
                };
                while !values.is_empty() {
                    let rest = values.split_off(values.len().min(ATTRIBUTES_MAX - count));
                    count += values.len();
                    part.insert(name.clone(), Value::Array(values));
                    if count == ATTRIBUTES_MAX {
                        let whole = std::mem::replace(&mut part, self.head(&id));
                        out.history(Value::Object(whole), count as u64)?;
                        count = 0;
                    }
                    values = rest;
                }
            }
            if count > 0 {
                out.history(Value::Object(part), count as u64)?;
            }
        }
        Ok(())
    }
}

fn is_lookup(how: &AttributeSpec) -> bool {
    how.column
        .as_deref()
        .is_some_and(|name| name.starts_with(LOOKUP))
}

fn place(lon: &str, lat: &str, decimal: char) -> Option<(f64, f64)> {
    let degrees = |text: &str| text.replace(decimal, ".").parse::<f64>().ok();
    let (lon, lat) = (degrees(lon)?, degrees(lat)?);
    let known = lon != 0.0 || lat != 0.0;
    (known && lon.abs() <= 180.0 && lat.abs() <= 90.0).then_some((lon, lat))
}

#[cfg(test)]
#[path = "tabular/tests.rs"]
mod tests;

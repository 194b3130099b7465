//! Subscriptions of one place of the index, narrowed by what their queries need of the entity: a
//! text that an attribute must equal, or a part of the world that a geometry must touch.

use std::collections::BTreeMap;

use base::Name;
use hashbrown::HashMap;
use ngsi::query::{Literal, QTerm, Query, Test};
use ngsi::{AttributeValue, Entity, Uris};
use serde_json::Value;
use spatial::cells::{self, Cell};
use spatial::{Geometry, GeometryType};

use super::Slot;

/// Texts by which one subscription is found; a query that names more is not narrowed by them.
const TEXTS_MAX: usize = 16;
/// Cells that cover the place of one geo-query: the more, the fewer are found in vain.
const CELLS_MAX: usize = 8;

/// Places, by what the queries need.
#[derive(Debug, Default)]
pub(super) struct Slots {
    plain: Vec<Slot>,
    /// By the attribute, then by a text that it must equal.
    by_text: HashMap<Name, HashMap<Name, Vec<Slot>>>,
    /// By the GeoProperty, then by a cell that it must touch.
    by_cell: HashMap<Name, BTreeMap<Cell, Vec<Slot>>>,
}

/// What a query needs of an entity.
#[derive(Debug, PartialEq)]
pub(super) enum Need {
    /// Nothing that an index knows.
    Nothing,
    /// An attribute that equals one of these texts.
    Texts(Name, Vec<Name>),
    /// A geometry that touches one of these cells.
    Cells(Name, Vec<Cell>),
}

impl Need {
    /// What every entity has that the query matches.
    pub(super) fn of(query: &Query) -> Self {
        let conjuncts = query.conjuncts();
        if let Some((name, mut texts)) = conjuncts.into_iter().find_map(texts_of_term) {
            texts.sort_unstable();
            texts.dedup();
            return Self::Texts(name.clone(), texts);
        }
        let Some(geo) = &query.geo else {
            return Self::Nothing;
        };
        let Some(boxes) = geo.predicate.search() else {
            return Self::Nothing;
        };
        let mut cover: Vec<Cell> = boxes
            .iter()
            .flat_map(|envelope| cells::cover(envelope, CELLS_MAX))
            .collect();
        cover.sort_unstable();
        cover.dedup();
        Self::Cells(geo.property.clone(), cover)
    }
}

/// The attribute and the texts, one of which it must equal.
fn texts_of_term(term: &QTerm) -> Option<(&Name, Vec<Name>)> {
    let Test::Equal(literals) = &term.test else {
        return None;
    };
    let [name] = term.path.attributes.as_slice() else {
        return None;
    };
    if term.path.member.is_some() || !term.path.trail.is_empty() || literals.len() > TEXTS_MAX {
        return None;
    }
    let text = |literal: &Literal| match literal {
        Literal::Text(text) => Some(text.clone()),
        _ => None,
    };
    let texts: Option<Vec<Name>> = literals.iter().map(text).collect();
    Some((name, texts?))
}

impl Slots {
    pub(super) fn insert(&mut self, need: &Need, slot: Slot) {
        match need {
            Need::Nothing => self.plain.push(slot),
            Need::Texts(name, texts) => {
                let by_text = self.by_text.entry(name.clone()).or_default();
                for text in texts {
                    by_text.entry(text.clone()).or_default().push(slot);
                }
            }
            Need::Cells(name, cells) => {
                let by_cell = self.by_cell.entry(name.clone()).or_default();
                for cell in cells {
                    by_cell.entry(*cell).or_default().push(slot);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, need: &Need, slot: Slot) {
        match need {
            Need::Nothing => take(&mut self.plain, slot),
            Need::Texts(name, texts) => {
                let Some(by_text) = self.by_text.get_mut(name) else {
                    return;
                };
                for text in texts {
                    if let Some(slots) = by_text.get_mut(text) {
                        take(slots, slot);
                        if slots.is_empty() {
                            by_text.remove(text);
                        }
                    }
                }
                if by_text.is_empty() {
                    self.by_text.remove(name);
                }
            }
            Need::Cells(name, cells) => {
                let Some(by_cell) = self.by_cell.get_mut(name) else {
                    return;
                };
                for cell in cells {
                    if let Some(slots) = by_cell.get_mut(cell) {
                        take(slots, slot);
                        if slots.is_empty() {
                            by_cell.remove(cell);
                        }
                    }
                }
                if by_cell.is_empty() {
                    self.by_cell.remove(name);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.by_text.is_empty() && self.by_cell.is_empty()
    }

    /// Those whose needs the entity meets; `None`: an entity of which nothing is known.
    pub(super) fn collect(&self, entity: Option<&Entity>, found: &mut Vec<Slot>) {
        found.extend(&self.plain);
        if self.by_text.is_empty() && self.by_cell.is_empty() {
            return;
        }
        let Some(entity) = entity else {
            let texts = self.by_text.values().flat_map(HashMap::values);
            let cells = self.by_cell.values().flat_map(BTreeMap::values);
            found.extend(texts.chain(cells).flatten());
            return;
        };
        for attribute in &entity.attributes {
            if let Some(by_text) = self.by_text.get(&attribute.name) {
                each_text(&attribute.value, &mut |text| {
                    found.extend(by_text.get(text).into_iter().flatten());
                });
            }
            if let (Some(by_cell), AttributeValue::Geo(geometry)) =
                (self.by_cell.get(&attribute.name), &attribute.value)
            {
                touched(by_cell, geometry, found);
            }
        }
    }
}

fn take(slots: &mut Vec<Slot>, slot: Slot) {
    if let Some(at) = slots.iter().position(|one| *one == slot) {
        slots.swap_remove(at);
    }
}

/// Every text that a value could equal.
fn each_text(value: &AttributeValue, with: &mut dyn FnMut(&str)) {
    let uris: &[Name] = match value {
        AttributeValue::Property(value) | AttributeValue::Json(value) => {
            return each_json_text(value, with);
        }
        AttributeValue::Language(map) => {
            return map.values().for_each(|value| each_json_text(value, with));
        }
        AttributeValue::List(items) => {
            return items.iter().for_each(|value| each_json_text(value, with));
        }
        AttributeValue::Relationship(uris) | AttributeValue::Vocab(uris) => Uris::as_slice(uris),
        AttributeValue::ListRelationship(uris) => uris,
        AttributeValue::Geo(_) | AttributeValue::Null => &[],
    };
    for uri in uris {
        with(uri);
    }
}

fn each_json_text(value: &Value, with: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => with(text),
        Value::Array(items) => items.iter().for_each(|item| each_json_text(item, with)),
        Value::Object(members) => members.values().for_each(|item| each_json_text(item, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Those in whose cells the geometry lies, or which lie in its cells.
fn touched(by_cell: &BTreeMap<Cell, Vec<Slot>>, geometry: &Geometry, found: &mut Vec<Slot>) {
    let of: Vec<Cell> = match geometry.geometry_type() {
        GeometryType::Point => geometry.positions().map(cells::leaf).collect(),
        _ => cells::around(&geometry.envelope()),
    };
    for cell in of {
        let within = by_cell.range(cells::descendants(cell));
        found.extend(within.flat_map(|(_, slots)| slots));
        for above in cells::ancestors(cell) {
            found.extend(by_cell.get(&above).into_iter().flatten());
        }
    }
}

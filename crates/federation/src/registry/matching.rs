//! Whether a registration has something of what an operation wants, and what [CIM-009 §5.12].

use std::sync::Arc;

use base::{Name, Time};
use ngsi::Query;
use ngsi::query::{Pattern, QExpr, Selector, TypeExpr};

use crate::registration::{EntityInfo, Information, Registration};

/// What an operation wants of other sources. What is empty or `None` asks for nothing in particular.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'w> {
    /// The name of the operation [CIM-009 §4.20]; of one that is no name there, no source is asked.
    pub operation: &'w str,
    /// Entities of these ids.
    pub ids: &'w [Name],
    /// Entities in whose id this is found.
    pub id_pattern: Option<&'w Pattern>,
    /// Entities of these types.
    pub types: Option<&'w TypeExpr>,
    /// Entities that one of these selects.
    pub selectors: &'w [Selector],
    /// These attributes, by expanded name.
    pub attrs: &'w [Name],
    /// Instances of these datasets; `@none` is the default one.
    pub datasets: &'w [Name],
    /// Sources of which this holds: `csf`.
    pub sources: Option<&'w QExpr>,
}

/// A source that an operation concerns, and how much of the operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// What the source offers.
    pub registration: Arc<Registration>,
    /// Whether it may be asked for the operation.
    pub is_allowed: bool,
    /// It is asked for entities of these ids alone; empty: of any.
    pub ids: Vec<Name>,
    /// When `ids` is empty: it is asked for those in whose id one of these is found; empty: any.
    pub id_patterns: Vec<Pattern>,
    /// Its entities of these types are concerned; empty: of any.
    pub types: Vec<Name>,
    /// It is asked for these attributes alone; empty: for all.
    pub attrs: Vec<Name>,
}

impl<'w> Wanted<'w> {
    /// What a query over entities wants of other sources.
    pub fn of(operation: &'w str, query: &'w Query) -> Self {
        Self {
            operation,
            ids: &query.ids,
            id_pattern: query.id_pattern.as_ref(),
            types: query.types.as_ref(),
            selectors: &query.selectors,
            attrs: &query.attrs,
            ..Self::default()
        }
    }

    /// Whether it asks for what was, rather than what is.
    fn is_temporal(&self) -> bool {
        self.operation.ends_with("Temporal")
    }
}

/// What of a registration is wanted, whether or not the operation is allowed: one match for each
/// group of its information that has the same entities.
pub(super) fn covering(
    registration: &Arc<Registration>,
    wanted: &Wanted<'_>,
    now: Time,
) -> Vec<Match> {
    let offers = !registration.is_expired(now)
        && (registration.is_of_now() || wanted.is_temporal())
        && has_dataset(registration, wanted.datasets)
        && wanted.sources.is_none_or(|filter| {
            let filter = Query {
                q: Some(filter.clone()),
                now,
                ..Query::default()
            };
            registration.is_described_by(&filter)
        });
    if !offers {
        return Vec::new();
    }
    let mut found: Vec<Match> = Vec::new();
    for part in &registration.information {
        let Some(one) = part_of(registration, part, wanted) else {
            continue;
        };
        let same = |m: &&mut Match| {
            m.ids == one.ids && m.id_patterns == one.id_patterns && m.types == one.types
        };
        match found.iter_mut().find(same) {
            Some(known) => widen(&mut known.attrs, one.attrs),
            None => found.push(one),
        }
    }
    found
}

/// Which parts of the information have something of what is wanted, in their order.
pub(super) fn concerned(registration: &Arc<Registration>, wanted: &Wanted<'_>) -> Vec<bool> {
    let parts = registration.information.iter();
    parts
        .map(|part| part_of(registration, part, wanted).is_some())
        .collect()
}

/// Adds names to a list of which empty means all.
fn widen(known: &mut Vec<Name>, more: Vec<Name>) {
    if known.is_empty() || more.is_empty() {
        known.clear();
        return;
    }
    for name in more {
        if !known.contains(&name) {
            known.push(name);
        }
    }
}

fn has_dataset(registration: &Registration, wanted: &[Name]) -> bool {
    let own = &registration.datasets;
    own.is_empty() || wanted.is_empty() || wanted.iter().any(|dataset| own.contains(dataset))
}

fn part_of(
    registration: &Arc<Registration>,
    part: &Information,
    wanted: &Wanted<'_>,
) -> Option<Match> {
    let mut one = Match {
        registration: Arc::clone(registration),
        is_allowed: registration.operations.has(wanted.operation),
        ids: Vec::new(),
        id_patterns: Vec::new(),
        types: Vec::new(),
        attrs: attributes(part, wanted.attrs)?,
    };
    if part.entities.is_empty() {
        one.ids = wanted.ids.to_vec();
        one.id_patterns = wanted.id_pattern.iter().copied().cloned().collect();
        return Some(one);
    }
    let concerned: Vec<&EntityInfo> = part
        .entities
        .iter()
        .filter(|e| concerns(e, wanted))
        .collect();
    if concerned.is_empty() {
        return None;
    }
    narrow(&mut one, &concerned, wanted);
    Some(one)
}

/// The attributes that are both wanted and there; empty: all.
fn attributes(part: &Information, wanted: &[Name]) -> Option<Vec<Name>> {
    if wanted.is_empty() {
        return Some(part.attributes().cloned().collect());
    }
    if part.has_all_attributes() {
        return Some(wanted.to_vec());
    }
    let both = |name: &&Name| part.attributes().any(|own| own == *name);
    let common: Vec<Name> = wanted.iter().filter(both).cloned().collect();
    (!common.is_empty()).then_some(common)
}

/// Whether some of the entities may be wanted.
fn concerns(info: &EntityInfo, wanted: &Wanted<'_>) -> bool {
    let fits = |ids: &[Name], pattern: Option<&Pattern>, types: Option<&TypeExpr>| {
        types.is_none_or(|types| has_type(info, types)) && has_id(info, ids, pattern)
    };
    fits(wanted.ids, wanted.id_pattern, wanted.types)
        && (wanted.selectors.is_empty()
            || wanted.selectors.iter().any(|s| {
                let pattern = s.id_pattern.as_ref().filter(|_| s.ids.is_empty());
                fits(&s.ids, pattern, s.types.as_ref())
            }))
}

/// An entity of a registered type may have others as well, so that one type of a conjunction is
/// enough.
fn has_type(info: &EntityInfo, types: &TypeExpr) -> bool {
    info.types.is_empty()
        || types
            .any_of
            .iter()
            .any(|all_of| all_of.is_empty() || all_of.iter().any(|name| info.types.contains(name)))
}

/// Two patterns may always have an id in common: that is not decided here.
fn has_id(info: &EntityInfo, ids: &[Name], pattern: Option<&Pattern>) -> bool {
    (ids.is_empty() || ids.iter().any(|id| info.covers_id(id)))
        && pattern.is_none_or(|pattern| info.id.as_ref().is_none_or(|id| pattern.is_match(id)))
}

/// Says which of the wanted entities are meant.
fn narrow(one: &mut Match, concerned: &[&EntityInfo], wanted: &Wanted<'_>) {
    let push = |list: &mut Vec<Name>, name: &Name| {
        if !list.contains(name) {
            list.push(name.clone());
        }
    };
    if wanted.ids.is_empty() {
        if concerned.iter().all(|info| info.id.is_some()) {
            for id in concerned.iter().filter_map(|info| info.id.as_ref()) {
                push(&mut one.ids, id);
            }
        } else if let Some(pattern) = wanted.id_pattern {
            one.id_patterns = vec![pattern.clone()];
        } else if concerned.iter().all(|info| info.id_pattern.is_some()) {
            one.id_patterns = concerned
                .iter()
                .filter_map(|info| info.id_pattern.clone())
                .collect();
        }
    } else {
        for id in wanted.ids {
            if concerned.iter().any(|info| info.covers_id(id)) {
                push(&mut one.ids, id);
            }
        }
    }
    if concerned.iter().all(|info| !info.types.is_empty()) {
        for name in concerned.iter().flat_map(|info| &info.types) {
            push(&mut one.types, name);
        }
    }
}

//! The NGSI-LD Query Language: what `q` says and when it holds [CIM-009 §4.9].

use std::cmp::Ordering;
use std::sync::Arc;

use base::limits::JOIN_LEVEL_MAX;
use base::{Name, Time};
use jsonld::Context;
use serde_json::Value;

use super::path::Found;
use super::{Literal, Path, Pattern, QueryError, parse};
use crate::entity::{AttributeValue, Entity};

/// A condition on the attributes of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum QExpr {
    /// All hold; holds when there are none.
    And(Vec<Self>),
    /// One of them holds.
    Or(Vec<Self>),
    /// A single condition.
    Term(QTerm),
}

/// One condition on what a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct QTerm {
    /// Relationships to follow first; empty: the path begins at the entity itself.
    pub hops: Vec<Hop>,
    /// What it speaks of.
    pub path: Path,
    /// What must hold of it.
    pub test: Test,
}

/// A relationship that is followed to the entities it links to: `managedBy{Building:…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Expanded name of the relationship.
    pub relationship: Name,
    /// Only entities of one of these expanded types; empty: of any.
    pub types: Vec<Name>,
}

/// What must hold of what a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is there.
    Exists,
    /// It is not there.
    Absent,
    /// It equals one of these, or an element of it does.
    Equal(Vec<Literal>),
    /// It is there and neither it nor an element of it equals one of these.
    Unequal(Vec<Literal>),
    /// It lies between the two, both included.
    Within(Literal, Literal),
    /// It is there and does not lie between the two, both included.
    Without(Literal, Literal),
    /// It stands so to the literal.
    Order(Order, Literal),
    /// It is a text in which the pattern is found.
    Match(Pattern),
    /// It is a text in which the pattern is not found.
    NoMatch(Pattern),
}

/// The four orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

/// What besides the text decides the reading of a `q`.
#[derive(Debug, Clone, Copy, Default)]
pub struct QOptions<'a> {
    /// `expandValues`: attributes, by their short names, whose values in the query are terms to expand.
    pub expand_values: &'a [&'a str],
    /// `jsonKeys`: attributes, by their short names, whose trailing path names plain JSON members. Trailing
    /// paths are never expanded here, so it changes nothing; it is checked to name attributes.
    pub json_keys: &'a [&'a str],
}

/// Finds an entity by its id, to follow relationships.
pub type Lookup<'a> = dyn Fn(&str) -> Option<Arc<Entity>> + 'a;

impl QExpr {
    /// Reads `temperature>=20;(brandName=="Mercedes"|!owner)`.
    pub fn parse(text: &str, options: QOptions<'_>, context: &Context) -> Result<Self, QueryError> {
        parse::q(text, options, context)
    }

    /// Whether it holds for the entity at `now`; relationships are followed by `lookup`.
    pub fn holds(&self, entity: &Entity, now: Time, lookup: &Lookup<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|part| part.holds(entity, now, lookup)),
            Self::Or(any) => any.iter().any(|part| part.holds(entity, now, lookup)),
            Self::Term(term) => term.holds(entity, now, lookup),
        }
    }

    /// Every condition in it.
    pub fn terms(&self) -> Vec<&QTerm> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::terms).collect(),
            Self::Term(term) => vec![term],
        }
    }

    /// How many relationships in a row it follows [CIM-009 §5.7.2.4].
    pub fn depth(&self) -> usize {
        self.terms()
            .iter()
            .map(|term| term.hops.len())
            .max()
            .unwrap_or(0)
    }

    /// Whether it speaks of an attribute and not of system members alone [CIM-009 §5.7.2.4].
    pub fn names_attribute(&self) -> bool {
        self.terms()
            .iter()
            .any(|t| !t.hops.is_empty() || !t.path.attributes.is_empty())
    }

    /// A weaker condition that follows no relationships: it holds wherever this one does.
    #[must_use]
    pub fn unlinked(&self) -> Self {
        match self {
            Self::And(all) => Self::And(all.iter().map(Self::unlinked).collect()),
            Self::Or(any) => Self::Or(any.iter().map(Self::unlinked).collect()),
            Self::Term(term) => match term.hops.first() {
                None => Self::Term(term.clone()),
                Some(_) if term.test == Test::Absent => Self::And(Vec::new()),
                Some(hop) => Self::Term(QTerm {
                    hops: Vec::new(),
                    path: Path {
                        attributes: vec![hop.relationship.clone()],
                        member: None,
                        trail: Vec::new(),
                    },
                    test: Test::Exists,
                }),
            },
        }
    }
}

impl QTerm {
    fn holds(&self, entity: &Entity, now: Time, lookup: &Lookup<'_>) -> bool {
        let mut walk = Walk {
            term: self,
            now,
            lookup,
            links: 0,
        };
        if self.test == Test::Absent {
            !walk.any(&self.hops, entity, &mut |_| true)
        } else {
            walk.any(&self.hops, entity, &mut |found| self.test.holds(found))
        }
    }
}

/// Links that one term follows for one entity: bounds the work when many link to many.
/// Limit: what is behind further links is not seen.
const LINKS_MAX: usize = 1_000;

/// One term on its way through linked entities.
struct Walk<'a> {
    term: &'a QTerm,
    now: Time,
    lookup: &'a Lookup<'a>,
    links: usize,
}

impl Walk<'_> {
    fn any(
        &mut self,
        hops: &[Hop],
        entity: &Entity,
        wanted: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> bool {
        let now = self.now;
        let Some((hop, further)) = hops.split_first() else {
            return self.term.path.any(entity, now, wanted);
        };
        let current = entity
            .instances(&hop.relationship)
            .filter(|a| !a.is_expired(now));
        for uri in current.flat_map(|a| targets(&a.value)) {
            self.links += 1;
            if self.links > LINKS_MAX {
                return false;
            }
            if let Some(linked) = (self.lookup)(uri)
                && hop.selects(&linked)
                && !linked.is_expired(now)
                && self.any(further, &linked, wanted)
            {
                return true;
            }
        }
        false
    }
}

impl Hop {
    fn selects(&self, linked: &Entity) -> bool {
        self.types.is_empty() || self.types.iter().any(|name| linked.types.contains(name))
    }
}

/// Levels of braces in one path.
pub(super) const HOPS_MAX: usize = JOIN_LEVEL_MAX;

fn targets(value: &AttributeValue) -> &[Name] {
    match value {
        AttributeValue::Relationship(uris) => uris.as_slice(),
        AttributeValue::ListRelationship(uris) => uris,
        _ => &[],
    }
}

impl Test {
    fn holds(&self, found: Found<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Absent => false,
            Self::Equal(literals) => is_one_of(found, literals),
            Self::Unequal(literals) => !is_one_of(found, literals),
            Self::Within(low, high) => is_within(found, low, high),
            Self::Without(low, high) => !is_within(found, low, high),
            Self::Order(order, literal) => any_single(found, |one| {
                literal.compare(one).is_some_and(|o| order.allows(o))
            }),
            Self::Match(pattern) => texts(found).iter().flatten().any(|t| pattern.is_match(t)),
            Self::NoMatch(pattern) => {
                let texts = texts(found);
                let clear = |text: Option<&str>| text.is_some_and(|t| !pattern.is_match(t));
                !texts.is_empty() && texts.into_iter().all(clear)
            }
        }
    }
}

impl Order {
    /// Whether a value that stands so to the literal is meant.
    pub fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
        }
    }
}

fn is_one_of(found: Found<'_>, literals: &[Literal]) -> bool {
    literals
        .iter()
        .any(|literal| literal.holds_for(found, Ordering::is_eq))
}

fn is_within(found: Found<'_>, low: &Literal, high: &Literal) -> bool {
    let between = |one: Found<'_>| {
        low.compare(one).is_some_and(Ordering::is_ge)
            && high.compare(one).is_some_and(Ordering::is_le)
    };
    match found {
        Found::Array(values) => values.iter().any(|value| between(Found::Json(value))),
        other => any_single(other, between),
    }
}

/// A language map without a language stands for the value of any language [CIM-009 §4.9].
fn any_single(found: Found<'_>, holds: impl Fn(Found<'_>) -> bool) -> bool {
    match found {
        Found::Languages(map) => map.values().any(|value| holds(Found::Json(value))),
        one => holds(one),
    }
}

/// What was found, element by element; `None` for what is no text.
fn texts(found: Found<'_>) -> Vec<Option<&str>> {
    match found {
        Found::Json(value) => vec![text(value)],
        Found::Array(values) => values.iter().map(text).collect(),
        Found::Languages(map) => {
            let elements = map.values().flat_map(|value| match value {
                Value::Array(values) => values.as_slice(),
                single => std::slice::from_ref(single),
            });
            elements.map(text).collect()
        }
        Found::Texts(texts) => texts.iter().map(|t| Some(&**t)).collect(),
        Found::Uris(_) | Found::Moment(_) | Found::Geo(_) => Vec::new(),
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(members) => members.get("@value")?.as_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! What a query asks, and the one meaning of it: [`Query::matches`] [CIM-009 §4.9, §5.7.2].

mod choice;
mod cursor;
mod error;
mod geo;
mod names;
mod order;
mod parse;
mod path;
mod pattern;
mod projection;
mod q;
mod scope;
mod types;
mod value;

use base::{Name, Time};

pub use error::QueryError;
pub use geo::GeoQuery;
pub use names::{attributes, ids};
pub use order::{Direction, OrderBy, OrderTerm, SortKey};
pub use path::{Member, Path};
pub use pattern::Pattern;
pub use projection::{Projected, Projection, ProjectionMember};
pub use q::{Hop, Lookup, Order, QExpr, QOptions, QTerm, Test};
pub use scope::{ScopeExpr, ScopePattern};
pub use types::TypeExpr;
pub use value::Literal;

use crate::entity::Entity;

/// A query over entities, with all names expanded. An empty query asks for every entity.
/// Every part that is there must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Only these ids; empty: any.
    pub ids: Vec<Name>,
    /// Only ids in which this is found.
    pub id_pattern: Option<Pattern>,
    /// Only entities of these types.
    pub types: Option<TypeExpr>,
    /// Only entities that one of these selects; empty: any [CIM-009 §5.2.33].
    pub selectors: Vec<Selector>,
    /// Only entities that have at least one of these attributes, by expanded name; empty: any.
    pub attrs: Vec<Name>,
    /// Only entities whose attributes say this.
    pub q: Option<QExpr>,
    /// Only entities of these scopes.
    pub scope: Option<ScopeExpr>,
    /// Only entities that lie so.
    pub geo: Option<GeoQuery>,
    /// The moment of the question: what has expired by then is not there.
    pub now: Time,
}

/// An EntitySelector of a query by POST [CIM-009 §5.2.33].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector {
    /// Only these ids; empty: any. They take precedence over the pattern.
    pub ids: Vec<Name>,
    /// Only ids in which this is found.
    pub id_pattern: Option<Pattern>,
    /// Only entities of these types.
    pub types: Option<TypeExpr>,
}

impl Query {
    /// Whether the entity is asked for. What would have to be looked up in linked entities does not hold:
    /// see [`Query::matches_with`].
    pub fn matches(&self, entity: &Entity) -> bool {
        self.matches_with(entity, &|_| None)
    }

    /// Whether the entity is asked for, when linked entities are found by `lookup`.
    pub fn matches_with(&self, entity: &Entity, lookup: &Lookup<'_>) -> bool {
        self.matches_at(entity, self.now, lookup)
    }

    /// The same at another moment than the one that the query says.
    pub fn matches_at(&self, entity: &Entity, now: Time, lookup: &Lookup<'_>) -> bool {
        !entity.is_expired(now)
            && (self.ids.is_empty() || self.ids.contains(&entity.id))
            && self
                .id_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&entity.id))
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.matches(&entity.types))
            && (self.selectors.is_empty() || self.selectors.iter().any(|s| s.matches(entity)))
            && self
                .scope
                .as_ref()
                .is_none_or(|scope| scope.matches(&entity.scope))
            && (self.attrs.is_empty() || self.has_attribute(entity, now))
            && self.q.as_ref().is_none_or(|q| q.holds(entity, now, lookup))
            && self.geo.as_ref().is_none_or(|geo| geo.matches(entity, now))
    }

    /// Whether it asks for every entity that has not expired.
    pub fn is_unfiltered(&self) -> bool {
        *self
            == Self {
                now: self.now,
                ..Self::default()
            }
    }

    /// Whether linked entities must be looked up to answer it.
    pub fn needs_linked(&self) -> bool {
        self.q.as_ref().is_some_and(|q| q.depth() > 0)
    }

    /// A weaker query that needs no linked entities: it matches wherever this one does.
    #[must_use]
    pub fn unlinked(&self) -> Self {
        Self {
            q: self.q.as_ref().map(QExpr::unlinked),
            ..self.clone()
        }
    }

    /// The ids of which every match has one, if the query says such.
    pub fn only_ids(&self) -> Option<Vec<&Name>> {
        if !self.ids.is_empty() {
            return Some(self.ids.iter().collect());
        }
        let named = |s: &Selector| !s.ids.is_empty();
        let all = !self.selectors.is_empty() && self.selectors.iter().all(named);
        all.then(|| self.selectors.iter().flat_map(|s| &s.ids).collect())
    }

    /// Types of which every match has at least one, if the query says such: one of each conjunction.
    pub fn only_types(&self) -> Option<Vec<&Name>> {
        fn first_of_each(types: &TypeExpr) -> Option<Vec<&Name>> {
            types.any_of.iter().map(|all_of| all_of.first()).collect()
        }
        if let Some(types) = self.types.as_ref().and_then(first_of_each) {
            return Some(types);
        }
        if self.selectors.is_empty() {
            return None;
        }
        let each = self
            .selectors
            .iter()
            .map(|s| s.types.as_ref().and_then(first_of_each));
        Some(
            each.collect::<Option<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect(),
        )
    }

    /// The conditions of `q` of which each must hold, for an index to begin with; those within an `|` and those
    /// of linked entities are not among them.
    pub fn conjuncts(&self) -> Vec<&QTerm> {
        fn collect<'q>(expression: &'q QExpr, terms: &mut Vec<&'q QTerm>) {
            match expression {
                QExpr::And(all) => all.iter().for_each(|part| collect(part, terms)),
                QExpr::Term(term) if term.hops.is_empty() => terms.push(term),
                QExpr::Or(_) | QExpr::Term(_) => {}
            }
        }
        let mut terms = Vec::new();
        if let Some(q) = &self.q {
            collect(q, &mut terms);
        }
        terms
    }

    fn has_attribute(&self, entity: &Entity, now: Time) -> bool {
        entity
            .attributes
            .iter()
            .any(|a| self.attrs.contains(&a.name) && !a.is_expired(now))
    }
}

impl Selector {
    /// Whether it selects the entity.
    pub fn matches(&self, entity: &Entity) -> bool {
        let by_id = if self.ids.is_empty() {
            self.id_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&entity.id))
        } else {
            self.ids.contains(&entity.id)
        };
        by_id
            && self
                .types
                .as_ref()
                .is_none_or(|types| types.matches(&entity.types))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonld::Context;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "[a-z*+#\\[\\]{}()\"\\\\.,;:|!/=<>0-9é -]{0,30}") {
            let context = Context::core();
            let _read = (
                TypeExpr::parse(&text, &context).is_ok(),
                ScopeExpr::parse(&text).is_ok(),
                OrderBy::parse(&text, None, Some(&text), &context).is_ok(),
                Projection::parse(Some(&text), None, &context).is_ok(),
                Pattern::parse("idPattern", &text).is_ok(),
                attributes(&text, &context).is_ok(),
                ids(&text).is_ok(),
            );
        }
    }

    #[test]
    fn a_planner_is_told_what_every_match_has() {
        let context = Context::core();
        let types = |text| TypeExpr::parse(text, &context).ok();
        let mut query = Query {
            types: types("(House;Public)|Room"),
            ..Query::default()
        };
        let names = |query: &Query| {
            let names = query.only_types()?;
            Some(
                names
                    .into_iter()
                    .map(|n| context.compact_term(n).into_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            names(&query),
            Some(vec!["House".to_owned(), "Room".to_owned()])
        );
        query.types = types("*");
        assert_eq!(names(&query), None);
        query.selectors = vec![Selector {
            types: types("Room"),
            ..Selector::default()
        }];
        assert_eq!(names(&query), Some(vec!["Room".to_owned()]));
        assert_eq!(query.only_ids(), None);
        query.selectors[0].ids = vec!["urn:a".into()];
        assert_eq!(query.only_ids(), Some(vec![&Name::from("urn:a")]));
        let q = "a==1;(b>2;c);(d|e);r{f}==3";
        query.q = QExpr::parse(q, QOptions::default(), &context).ok();
        assert_eq!(query.conjuncts().len(), 3);
        assert!(query.needs_linked() && !query.unlinked().needs_linked());
        assert!(Query::default().is_unfiltered() && !query.is_unfiltered());
    }
}

//! Where a search may begin: parts of indexes that hold every entity that can match.
//!
//! Each [`Source`] alone is enough; [`super::find`] finds out which is the smallest.

use foldhash::fast::RandomState;
use ngsi::Query;
use ngsi::query::{Literal, Order, Path, QExpr, QTerm, ScopeExpr, Test};

use super::index::{IndexId, Key, Range, places};
use super::world::World;

/// Ranges of indexes that together hold every entity that can match.
pub(super) type Source = Vec<(IndexId, Range)>;

/// The sources of a query; none if only a scan will do.
pub(super) fn sources(query: &Query, world: &World) -> Vec<Source> {
    let plan = Plan { world };
    let mut sources = Vec::new();
    if let Some(geo) = &query.geo {
        let number = world.dictionary.known(&geo.property);
        let ranges = match geo.predicate.search() {
            Some(boxes) => boxes.iter().flat_map(places).collect(),
            None => vec![Range::ALL],
        };
        // Nobody has a property whose name has no number.
        sources.push(number.map_or_else(Vec::new, |number| on(IndexId::Places(number), ranges)));
    }
    if !query.attrs.is_empty() {
        let numbers = query
            .attrs
            .iter()
            .filter_map(|name| world.dictionary.known(name));
        sources.push(
            numbers
                .map(|number| (IndexId::Values(number), Range::ALL))
                .collect(),
        );
    }
    if let Some(q) = &query.q {
        plan.q(q, &mut sources);
    }
    if let Some(scope) = &query.scope {
        sources.extend(scopes(scope, &world.hasher));
    }
    sources
}

fn on(id: IndexId, ranges: Vec<Range>) -> Source {
    ranges.into_iter().map(|range| (id, range)).collect()
}

struct Plan<'w> {
    world: &'w World,
}

impl Plan<'_> {
    fn q(&self, q: &QExpr, sources: &mut Vec<Source>) {
        match q {
            QExpr::And(all) => all.iter().for_each(|part| self.q(part, sources)),
            QExpr::Term(term) => sources.extend(self.term(term)),
            QExpr::Or(any) => {
                // Whoever matches is in a source of one of them.
                let each = any.iter().map(|part| {
                    let mut sources = Vec::new();
                    self.q(part, &mut sources);
                    sources.into_iter().min_by_key(width)
                });
                sources.extend(
                    each.collect::<Option<Vec<_>>>()
                        .map(|sources| sources.concat()),
                );
            }
        }
    }

    fn term(&self, term: &QTerm) -> Option<Source> {
        if term.test == Test::Absent {
            return None;
        }
        let (name, ranges) = match term.hops.first() {
            // To be followed, the relationship must be there.
            Some(hop) => (&hop.relationship, vec![Range::ALL]),
            None => (
                term.path.attributes.first()?,
                self.ranges(&term.path, &term.test),
            ),
        };
        let Some(number) = self.world.dictionary.known(name) else {
            return Some(Vec::new());
        };
        Some(on(IndexId::Values(number), ranges))
    }

    fn ranges(&self, path: &Path, test: &Test) -> Vec<Range> {
        // Of sub-attributes and members only the attribute's being there is indexed.
        let is_value = path.attributes.len() == 1 && path.member.is_none();
        let ranges = if is_value { self.test(test) } else { None };
        match ranges {
            None => vec![Range::ALL],
            Some(mut ranges) => {
                ranges.push(Range::only(Key::ANY));
                ranges
            }
        }
    }

    /// The keys of values that can pass; `None`: all.
    fn test(&self, test: &Test) -> Option<Vec<Range>> {
        match test {
            Test::Equal(literals) => literals.iter().map(|literal| self.equal(literal)).collect(),
            Test::Within(low, high) => {
                let (low_key, high_key) = (bound(low)?, bound(high)?);
                let same = std::mem::discriminant(low) == std::mem::discriminant(high);
                // A text may be compared as a text with one bound and as a moment with the other.
                let range = if same {
                    Range::between(low_key, high_key)
                } else {
                    Range::from(low_key)
                };
                Some(vec![range])
            }
            Test::Order(order, literal) => {
                let key = bound(literal)?;
                Some(vec![match order {
                    Order::Greater | Order::GreaterEqual => Range::from(key),
                    Order::Less | Order::LessEqual => Range::until(key),
                }])
            }
            Test::Exists
            | Test::Absent
            | Test::Unequal(_)
            | Test::Without(..)
            | Test::Match(_)
            | Test::NoMatch(_) => None,
        }
    }

    fn equal(&self, literal: &Literal) -> Option<Range> {
        if let Literal::Text(text) = literal {
            return Some(Range::only(Key::text(text, &self.world.hasher)));
        }
        bound(literal).map(Range::only)
    }
}

/// A rough guess of how much a source holds, to choose one within an `|`: single keys hold least.
fn width(source: &Source) -> usize {
    source
        .iter()
        .map(|(_, range)| if range.is_single() { 1 } else { 1_000 })
        .sum()
}

/// The key of a literal as the end of a range.
fn bound(literal: &Literal) -> Option<Key> {
    Some(match literal {
        Literal::Number(number) => Key::number(*number),
        Literal::Boolean(boolean) => Key::boolean(*boolean),
        Literal::Text(text) => Key::text_order(text),
        Literal::Moment(time) => Key::moment(*time),
        // Times of day are not indexed as such.
        Literal::TimeOfDay(_) => return None,
    })
}

/// For each alternative one of its patterns, by the levels before the first `+`.
fn scopes(scope: &ScopeExpr, hasher: &RandomState) -> Option<Source> {
    let each = scope.any_of.iter().map(|all_of| {
        let pattern = all_of.first()?;
        let fixed: Vec<&str> = pattern.levels.iter().map_while(|l| l.as_deref()).collect();
        let text = fixed.join("/");
        let exact = !pattern.and_below && fixed.len() == pattern.levels.len();
        Some(if exact {
            Range::only(Key::text(&text, hasher))
        } else {
            Range::between(Key::text_order(&text), Key::text_last(&text))
        })
    });
    Some(on(IndexId::Scopes, each.collect::<Option<_>>()?))
}

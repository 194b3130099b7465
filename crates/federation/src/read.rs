//! Reading here and at the sources at once, and one answer of it [CIM-009 §4.3.6, §4.5.5, §5.7].
//!
//! `plan` says what each source is asked, `gather` asks them all at once, `merge` makes one entity
//! of what several gave. What is read here comes in the order of ids, and so does the answer, so
//! that the pages of an answer fit together: as much is read of each part as the page needs.

mod claims;
mod discovery;
mod gather;
mod linked;
mod local;
mod merge;
mod plan;
mod reading;
pub mod temporal;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use base::{Name, Tenant, limits};
use broker::BrokerError;
use broker::reads::{Found, Page};
use ngsi::query::{QExpr, Query, TypeExpr};
use ngsi::{Attribute, Entity};
use trust::{Call, Operation};

use crate::forward::{Route, Words};
use crate::registry::Wanted;
use crate::{Gateway, Match};
use claims::Claims;
use merge::{Level, Part, merge};

pub use discovery::List;
pub use gather::ORDERED;

/// Entities that are looked for at once without paging.
const CANDIDATES_MAX: usize = 100_000;

/// The filters of a question as they were written, in its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// `q`.
    pub q: Option<String>,
    /// `scopeQ`.
    pub scope_q: Option<String>,
    /// `georel`, `geometry`, `coordinates` as JSON, and `geoproperty`.
    pub geo: Option<[Option<String>; 4]>,
    /// `expandValues`, with commas.
    pub expand_values: Option<String>,
    /// `jsonKeys`, with commas.
    pub json_keys: Option<String>,
}

/// What is asked about entities.
#[derive(Debug, Clone)]
pub struct Question {
    /// What it asks for.
    pub query: Query,
    /// Its filters as they were written.
    pub filters: Filters,
    /// The words in which it was asked.
    pub words: Words,
    /// Datasets asked for; `@none` is the default one; empty: all.
    pub datasets: Vec<Name>,
    /// What must hold of a source: `csf`.
    pub sources: Option<QExpr>,
    /// Whether entities may be split over sources, so that filters hold of the whole alone
    /// [CIM-009 §5.7.2.4].
    pub split: bool,
    /// Only sources of these registrations; `None`: all.
    pub among: Option<Arc<HashSet<Name>>>,
}

impl Filters {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Question {
    /// Whether filters are kept back until the parts of an entity are together.
    fn keeps_filters(&self) -> bool {
        self.split || self.query.needs_linked()
    }

    /// What sources it concerns.
    fn wanted<'q>(&'q self, operation: &'q str) -> Wanted<'q> {
        let mut wanted = Wanted::of(operation, &self.query);
        if self.keeps_filters() {
            wanted.attrs = &[];
        }
        wanted.datasets = &self.datasets;
        wanted.sources = self.sources.as_ref();
        wanted
    }

    /// Whether the whole of an entity still has one of the attributes asked for.
    fn shows(&self, entity: &Entity) -> bool {
        let attrs = &self.query.attrs;
        let has = |a: &Attribute| attrs.contains(&a.name);
        attrs.is_empty() || entity.attributes.iter().any(has)
    }

    /// The question without its filters: which entities it is about.
    fn selection(&self) -> Query {
        Query {
            attrs: Vec::new(),
            q: None,
            scope: None,
            geo: None,
            ..self.query.clone()
        }
    }
}

impl Gateway {
    /// Whether nobody else is ever asked in a tenant: the quick way is taken then.
    pub fn is_alone(&self, tenant: &Tenant) -> bool {
        self.registry.is_empty(tenant)
    }

    /// Whether a question about entities concerns other sources.
    pub fn concerns(&self, tenant: &Tenant, question: &Question) -> bool {
        !self.sources(tenant, question, &plan::QUERY).is_empty()
    }

    /// The sources that a question concerns, each with the first of the operations that it may be
    /// asked for.
    fn sources(
        &self,
        tenant: &Tenant,
        question: &Question,
        operations: &[&'static str],
    ) -> Vec<(Match, &'static str)> {
        let mut found: Vec<(Match, &'static str)> = Vec::new();
        for operation in operations {
            let wanted = question.wanted(operation);
            let before = found.len();
            for one in self.registry.matching(tenant, &wanted) {
                let id = &one.registration.id;
                let is_known = |(m, _): &(Match, _)| m.registration.id == *id;
                let is_among = question
                    .among
                    .as_ref()
                    .is_none_or(|among| among.contains(id));
                let geo = question.query.geo.as_ref();
                let may_have = question.keeps_filters()
                    || geo.is_none_or(|geo| one.registration.may_have(geo));
                if is_among && may_have && one.is_allowed && !found[..before].iter().any(is_known) {
                    found.push((one, operation));
                }
            }
        }
        found
    }

    /// One entity, of all that is known of it here and elsewhere [CIM-009 §5.7.1].
    pub async fn retrieve(
        &self,
        call: &Call,
        route: &Route,
        id: &Name,
        question: &Question,
    ) -> Result<Arc<Entity>, BrokerError> {
        self.broker().authorize(call, Operation::Read)?;
        let unknown = || BrokerError::EntityUnknown { id: id.clone() };
        if route.local {
            return self.broker().retrieve(call, id).await;
        }
        let sources = self.sources(&call.tenant, question, &plan::RETRIEVE);
        if sources.is_empty() {
            return self.broker().retrieve(call, id).await;
        }
        let claims = Claims::of(sources.iter().map(|(m, _)| m));
        let (here, given) = tokio::join!(
            self.broker().retrieve(call, id),
            self.gather(call, route, question, &sources, None)
        );
        let mut parts = Vec::new();
        match here {
            Ok(entity) => {
                self.note_own(route, std::slice::from_ref(&entity));
                parts.extend(claims.strip(entity, Level::Additive).map(Part::own));
            }
            Err(BrokerError::EntityUnknown { .. }) => {}
            Err(other) => return Err(other),
        }
        let given = given.into_iter().filter(|g| g.entity.id == *id);
        parts.extend(given.filter_map(|g| claims.part(g)));
        let merged = merge(parts, &route.explain).ok_or_else(unknown)?;
        Ok(merged)
    }

    /// A page of the entities that match here and elsewhere, in id order [CIM-009 §5.7.2].
    pub async fn query(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        page: &Page,
    ) -> Result<Found, BrokerError> {
        self.broker().authorize(call, Operation::Read)?;
        let sources = if route.local {
            Vec::new()
        } else {
            self.sources(&call.tenant, question, &plan::QUERY)
        };
        if sources.is_empty() {
            return self.broker().query(call, &question.query, None, page).await;
        }
        let world = self.world(call, route, question, &sources, page).await?;
        Ok(world.page(question, page, route))
    }

    /// The ids of all entities that match here and elsewhere, in order, each with the
    /// registrations of the sources that gave some of it; `@none` is this node itself.
    pub async fn candidates(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
    ) -> Result<Vec<(Name, Vec<Name>)>, BrokerError> {
        self.broker().authorize(call, Operation::Read)?;
        let sources = if route.local {
            Vec::new()
        } else {
            self.sources(&call.tenant, question, &plan::QUERY)
        };
        let all = Page {
            offset: 0,
            limit: CANDIDATES_MAX,
            count: false,
        };
        let world = self.world(call, route, question, &sources, &all).await?;
        if world.parts.len() > CANDIDATES_MAX {
            let reason = format!("more than {CANDIDATES_MAX} entities match; ask for fewer");
            return Err(BrokerError::Limit { reason });
        }
        let mut found = Vec::with_capacity(world.parts.len());
        for (id, parts) in world.parts {
            let own = || Name::from("@none");
            let mut names: Vec<Name> = parts
                .iter()
                .map(|part| part.source.clone().unwrap_or_else(own))
                .collect();
            names.dedup();
            if merge(parts, &route.explain).is_some_and(|entity| question.shows(&entity)) {
                found.push((id, names));
            }
        }
        Ok(found)
    }

    /// What is known of the entities that match, as far as a page needs it.
    async fn world(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        sources: &[(Match, &'static str)],
        page: &Page,
    ) -> Result<World, BrokerError> {
        let claims = Claims::of(sources.iter().map(|(m, _)| m));
        let reach = page.offset.saturating_add(page.limit).saturating_add(1);
        let is_simple = claims.is_empty() && !question.keeps_filters();
        let enough = (is_simple && !page.count).then_some(reach);
        let given = self.gather(call, route, question, sources, enough).await;
        let mut world = World::default();
        for given in given {
            let id = given.entity.id.clone();
            if let Some(part) = claims.part(given) {
                world.parts.entry(id).or_default().push(part);
            }
        }
        if question.keeps_filters() {
            self.add_split(call, route, question, &claims, (&mut world, page))
                .await?;
            return Ok(world);
        }
        let want = if page.count && !is_simple {
            limits::SORTED_ENTITIES_MAX
        } else {
            reach
        };
        if page.count && is_simple {
            world.more_here = self.only_here(call, question, &world).await?;
        }
        let here = self.local(call, question, &claims, want).await?;
        self.note_own(route, &here);
        world.add_own(here);
        Ok(world)
    }

    /// Notes in the report what came of this node itself.
    fn note_own(&self, route: &Route, here: &[Arc<Entity>]) {
        let mut names: Vec<Name> = Vec::new();
        for attribute in here.iter().flat_map(|e| &e.attributes) {
            if !names.contains(&attribute.name) {
                names.push(attribute.name.clone());
            }
        }
        let own = crate::explain::Asked {
            registration: None,
            endpoint: String::new(),
            mode: "here",
            request: String::new(),
            at: self.parts.clock.now(),
            took_micros: 0,
            entities: here.len(),
            attributes: names,
            missing: None,
            is_warning: false,
        };
        route.explain.note(own);
    }
}

/// What is known of entities, part by part, in id order.
#[derive(Debug, Default)]
struct World {
    parts: BTreeMap<Name, Vec<Part>>,
    /// Matches that are here alone and were counted, not read; those read are among them.
    more_here: Option<u64>,
}

impl World {
    fn add_own(&mut self, here: Vec<Arc<Entity>>) {
        for entity in here {
            let parts = self.parts.entry(entity.id.clone()).or_default();
            // The own part stands first: of equals it counts.
            parts.insert(0, Part::own(entity));
        }
    }

    fn page(self, question: &Question, page: &Page, route: &Route) -> Found {
        let given: usize = self
            .parts
            .values()
            .filter(|parts| parts.iter().any(|part| !part.is_own()))
            .count();
        let mut seen = 0_usize;
        let mut entities = Vec::new();
        for parts in self.parts.into_values() {
            let Some(entity) = merge(parts, &route.explain) else {
                continue;
            };
            if !question.shows(&entity) {
                continue;
            }
            if seen >= page.offset && entities.len() < page.limit {
                entities.push(entity);
            }
            seen += 1;
        }
        let end = page.offset.saturating_add(page.limit);
        let all = match self.more_here {
            Some(here) => here + u64::try_from(given).unwrap_or(u64::MAX),
            None => u64::try_from(seen).unwrap_or(u64::MAX),
        };
        Found {
            entities,
            more: seen > end,
            count: page.count.then_some(all),
        }
    }
}

/// The question for one entity by its id.
pub fn about(id: &Name, types: Option<TypeExpr>, attrs: Vec<Name>, words: Words) -> Question {
    Question {
        query: Query {
            ids: vec![id.clone()],
            types,
            attrs,
            ..Query::default()
        },
        filters: Filters::default(),
        words,
        datasets: Vec::new(),
        sources: None,
        split: false,
        among: None,
    }
}

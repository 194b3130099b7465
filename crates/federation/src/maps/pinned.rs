//! Questions by a map: which entities are pinned, and the pages of them.

use std::collections::HashSet;
use std::sync::Arc;

use base::Name;
use broker::BrokerError;
use broker::reads::Page;
use ngsi::Entity;
use ngsi::aggregate::Period;
use ngsi::query::OrderBy;
use trust::Call;

use super::{EntityMap, Entry, HERE, MapError};
use crate::Gateway;
use crate::forward::Route;
use crate::read::Question;

/// Entities of a map that are looked at in one go.
const CHUNK: usize = 250;

/// A page of what a map has pinned.
#[derive(Debug, Default)]
pub struct Pinned {
    /// The entities.
    pub entities: Vec<Arc<Entity>>,
    /// The place at which the next page begins; `None`: there is none.
    pub next: Option<usize>,
    /// How many there are in all, if that was asked.
    pub count: Option<u64>,
}

/// Why nothing can be pinned, or no page of it can be had.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// There is no such map, or none can be made.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The question cannot be answered.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl Gateway {
    /// Pins the entities that a question is about, here and elsewhere [CIM-009 §5.14.4].
    pub async fn pin(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        lifetime: Option<Period>,
    ) -> Result<Arc<EntityMap>, PinError> {
        let entries = if route.local || !self.concerns(&call.tenant, question) {
            let ids = self.broker().ids(call, &question.query).await?;
            ids.into_iter().map(Entry::here).collect()
        } else {
            let found = self.candidates(call, route, question).await?;
            let entry = |(id, sources)| Entry::new(id, sources);
            found.into_iter().map(entry).collect()
        };
        Ok(self.maps().create(&call.tenant, entries, lifetime)?)
    }

    /// A page of the entities of a map that match a question now. What this node alone holds and
    /// does not match falls out of the map [CIM-009 §5.5.9.3, §5.5.14].
    pub async fn by_map(
        &self,
        call: &Call,
        (route, question): (&Route, &Question),
        order: Option<&OrderBy>,
        page: &Page,
        map: &EntityMap,
    ) -> Result<Pinned, BrokerError> {
        let walk = Walk {
            gateway: self,
            call,
            route,
            question,
            map,
        };
        match order {
            Some(order) => walk.sorted(order, page).await,
            None => walk.in_order_of_places(page).await,
        }
    }
}

/// A walk over the entities of a map.
#[derive(Clone, Copy)]
struct Walk<'a> {
    gateway: &'a Gateway,
    call: &'a Call,
    route: &'a Route,
    question: &'a Question,
    map: &'a EntityMap,
}

impl Walk<'_> {
    async fn in_order_of_places(self, page: &Page) -> Result<Pinned, BrokerError> {
        let mut found = Pinned::default();
        let mut matches = 0_u64;
        let mut from = if page.count { 0 } else { page.offset };
        while from < self.map.places() {
            for (place, entity) in self.matching(from).await? {
                matches += 1;
                if place < page.offset {
                    continue;
                }
                if found.entities.len() < page.limit {
                    found.entities.push(entity);
                } else {
                    found.next.get_or_insert(place);
                }
            }
            from = from.saturating_add(CHUNK);
            if found.next.is_some() && !page.count {
                break;
            }
        }
        found.count = page.count.then_some(matches);
        Ok(found)
    }

    async fn sorted(self, order: &OrderBy, page: &Page) -> Result<Pinned, BrokerError> {
        let now = self.question.query.now;
        let mut keyed = Vec::new();
        let mut from = 0;
        while from < self.map.places() {
            let matching = self.matching(from).await?.into_iter();
            keyed.extend(matching.map(|(_, entity)| (order.key(&entity, now), entity)));
            from = from.saturating_add(CHUNK);
        }
        keyed.sort_by(|(a, _), (b, _)| order.compare(a, b));
        let count = u64::try_from(keyed.len()).ok();
        let end = page.offset.saturating_add(page.limit);
        Ok(Pinned {
            next: (end < keyed.len()).then_some(end),
            entities: keyed
                .into_iter()
                .map(|(_, entity)| entity)
                .skip(page.offset)
                .take(page.limit)
                .collect(),
            count: count.filter(|_| page.count),
        })
    }

    /// Of one chunk of the map the entities that match, with their places.
    async fn matching(self, from: usize) -> Result<Vec<(usize, Arc<Entity>)>, BrokerError> {
        let entries = self.map.entries(from, CHUNK);
        let asked = &self.question.query.ids;
        let mut sources: HashSet<Name> = HashSet::new();
        let wanted: Vec<(usize, Name)> = entries
            .into_iter()
            .filter(|(_, entry)| asked.is_empty() || asked.contains(&entry.id))
            .map(|(place, entry)| {
                sources.extend(entry.sources.iter().filter(|s| ***s != *HERE).cloned());
                (place, entry.id)
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut question = self.question.clone();
        question.query.ids = wanted.iter().map(|(_, id)| id.clone()).collect();
        // Only those who held them are asked.
        question.among = Some(Arc::new(sources));
        let page = Page {
            offset: 0,
            limit: wanted.len(),
            count: false,
        };
        let found = self.gateway.query(self.call, self.route, &question, &page);
        let mut found = found.await?.entities.into_iter().peekable();
        let (mut matching, mut out) = (Vec::new(), Vec::new());
        // Both are in the order of ids.
        for (place, id) in wanted {
            match found.next_if(|entity| entity.id == id) {
                Some(entity) => matching.push((place, entity)),
                None => out.push(place),
            }
        }
        self.map.take_out(&out);
        Ok(matching)
    }
}

//! Which registrations somebody looks for, or subscribes to [CIM-009 §5.10.2, §5.11.7].

use std::sync::Arc;

use base::{Tenant, Time};
use ngsi::Query;
use ngsi::query::QExpr;
use subscriptions::Subscription;
use subscriptions::model::{TemporalQuery, TimeRelation};

use super::matching::{self, Wanted};
use super::{Match, Registry};
use crate::registration::{Registration, TimeInterval};

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Which entities and attributes the source shall have: `ids`, `id_pattern`, `types`,
    /// `selectors` and `attrs`. `q`, `scope` and `geo` speak of the source itself.
    pub query: Query,
    /// What else is said of the source: `csf`.
    pub sources: Option<QExpr>,
    /// The time of which it shall have data; `None`: now.
    pub time: Option<TemporalQuery>,
}

impl Discovery {
    /// What a subscription to registrations looks for.
    pub fn of(subscription: &Subscription) -> Self {
        let query = Query {
            attrs: subscription.watched.clone(),
            ..subscription.query.clone()
        };
        Self {
            query,
            sources: subscription.source_filter.clone(),
            time: subscription.temporal.clone(),
        }
    }

    /// Whether the registration is looked for.
    pub fn finds(&self, registration: &Arc<Registration>, now: Time) -> bool {
        let covered = matching::covering(registration, &self.wanted(), now);
        !covered.is_empty() && self.suits(registration, now)
    }

    /// Which parts of the information are looked for, in their order.
    pub(crate) fn concerned(&self, registration: &Arc<Registration>) -> Vec<bool> {
        matching::concerned(registration, &self.wanted())
    }

    fn wanted(&self) -> Wanted<'_> {
        // Any operation of that time will do: what may be done there is not asked.
        let operation = match self.time {
            Some(_) => "queryTemporal",
            None => "queryEntity",
        };
        Wanted {
            sources: self.sources.as_ref(),
            ..Wanted::of(operation, &self.query)
        }
    }

    /// Whether what is said of the source, and its time, are looked for.
    fn suits(&self, registration: &Registration, now: Time) -> bool {
        let filter = Query {
            q: self.query.q.clone(),
            scope: self.query.scope.clone(),
            geo: self.query.geo.clone(),
            now,
            ..Query::default()
        };
        registration.is_described_by(&filter)
            && self
                .time
                .as_ref()
                .is_none_or(|time| in_time(registration, time))
    }
}

impl Registry {
    /// The registrations that are looked for, by id [CIM-009 §5.10.2].
    pub fn discover(&self, tenant: &Tenant, wanted: &Discovery) -> Vec<Arc<Registration>> {
        let now = self.now();
        let found = {
            let worlds = self.worlds.read();
            let world = worlds.get(tenant);
            world.map(|world| world.covering(&wanted.wanted(), now))
        };
        let mut found: Vec<_> = found
            .into_iter()
            .flatten()
            .map(|m: Match| m.registration)
            .collect();
        found.dedup_by(|one, other| one.id == other.id);
        found.retain(|registration| wanted.suits(registration, now));
        found
    }
}

/// Whether the interval that the question means has some of the time asked for.
fn in_time(registration: &Registration, asked: &TemporalQuery) -> bool {
    let interval = if asked.property == "observedAt" {
        registration.observation_interval
    } else {
        registration.management_interval
    };
    interval.is_some_and(|interval| overlaps(interval, asked))
}

pub(crate) fn overlaps(interval: TimeInterval, asked: &TemporalQuery) -> bool {
    let begins_before = |end: Time| interval.start_at < end;
    let lasts_until = |start: Time| interval.end_at.is_none_or(|end| end >= start);
    match asked.relation {
        TimeRelation::Before => begins_before(asked.time_at),
        TimeRelation::After => lasts_until(asked.time_at),
        TimeRelation::Between => {
            lasts_until(asked.time_at) && asked.end_time_at.is_none_or(begins_before)
        }
    }
}

//! What another source offers: a context source registration [CIM-009 §5.2.9].

mod error;
mod information;
mod operations;
mod read;
mod show;
mod traffic;

use std::sync::Arc;

use base::{Name, Tenant, Time};
use ngsi::query::{GeoQuery, Lookup};
use ngsi::{AttributeValue, Entity, Query};
use serde_json::Value;
use spatial::{Georel, Predicate};

pub use error::RegistrationError;
pub use information::{EntityInfo, Information};
pub use operations::{OPERATIONS, OperationSet};
pub use traffic::Traffic;

/// Registrations of one tenant: each costs up to 256 KiB in memory, most about one.
pub const REGISTRATIONS_MAX: usize = 10_000;
/// Bytes of one registration: thousands of entity ids, one by one.
pub const REGISTRATION_BYTES_MAX: usize = 256 * 1024;
/// Entries of one array of a registration.
pub const ENTRIES_MAX: usize = 1_000;

/// How the data of a source stands to that of others [CIM-009 §4.3.6].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mode {
    /// Beside all others: each is asked, and what is newer counts.
    #[default]
    Inclusive,
    /// All attributes named of the entities named are there and nowhere else.
    Exclusive,
    /// All that it offers is there and not here, though others may offer it too.
    Redirect,
    /// Only what nobody else has.
    Auxiliary,
}

/// How a source shall be asked [CIM-009 §5.2.34].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Management {
    /// Whether the source shall answer from its own data alone.
    pub local_only: bool,
    /// Microseconds for which an answer may be used again.
    /// Limit: answers are not kept; each question is asked anew.
    pub cache_micros: Option<i64>,
    /// Microseconds until an answer is of no use.
    pub timeout_micros: Option<i64>,
    /// Microseconds for which a source that failed is not asked.
    pub cooldown_micros: Option<i64>,
}

/// When something began and ended; without an end it goes on [CIM-009 §5.2.11].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeInterval {
    /// Its first moment.
    pub start_at: Time,
    /// Its last.
    pub end_at: Option<Time>,
}

/// A registration, read, with all names expanded.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The URI.
    pub id: Name,
    /// How its data stands to that of others.
    pub mode: Mode,
    /// What may be asked of the source.
    pub operations: OperationSet,
    /// What it has: one of these says it; never empty.
    pub information: Vec<Information>,
    /// Where it is asked: the URL before `/ngsi-ld/v1`, without a `/` at the end.
    pub endpoint: Name,
    /// The tenant that it is asked for; `None`: its default.
    pub tenant: Option<Tenant>,
    /// `contextSourceInfo`: headers to be sent, in order, `jsonldContext` not among them.
    pub headers: Vec<(Name, Name)>,
    /// The URL of the @context in which the source wants to be asked.
    pub jsonld_context: Option<Name>,
    /// How it shall be asked.
    pub management: Management,
    /// The name by which the source stands in `Via` [CIM-009 §6.3.18].
    pub alias: Option<Name>,
    /// The datasets that it has; empty: any. `@none` is the default instance.
    pub datasets: Vec<Name>,
    /// The time of which it has observations; `None`: what is now.
    pub observation_interval: Option<TimeInterval>,
    /// The time in which it was told of them.
    pub management_interval: Option<TimeInterval>,
    /// Its scopes.
    pub scope: Vec<Name>,
    /// From when on it is no more.
    pub expires_at: Option<Time>,
    /// When it was registered.
    pub created_at: Time,
    /// When that last changed.
    pub modified_at: Time,
    /// What went between the node and the source. It outlives changes of the registration.
    pub traffic: Arc<Traffic>,
    /// The registration as it came, with names expanded and without `@context`.
    document: Arc<Value>,
    /// What is said of the source, as an entity, for `csf`, `q`, `scopeQ` and geo-queries.
    described: Arc<Entity>,
}

/// Two are equal that say the same, whatever became of them.
impl PartialEq for Registration {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Inclusive,
        Self::Exclusive,
        Self::Redirect,
        Self::Auxiliary,
    ];

    /// The standard's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inclusive => "inclusive",
            Self::Exclusive => "exclusive",
            Self::Redirect => "redirect",
            Self::Auxiliary => "auxiliary",
        }
    }

    /// Whether the data is at the source and not here [CIM-009 §4.3.6.3].
    pub fn is_proxied(self) -> bool {
        matches!(self, Self::Exclusive | Self::Redirect)
    }
}

impl Registration {
    /// Whether it is over by then.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it offers what is now, rather than what was [CIM-009 §5.10.2.4].
    pub fn is_of_now(&self) -> bool {
        self.observation_interval.is_none() && self.management_interval.is_none()
    }

    /// Whether what is said of the source answers the filter: its `q` is a `csf`.
    pub fn is_described_by(&self, filter: &Query) -> bool {
        let nowhere: &Lookup<'_> = &|_| None;
        filter.matches_with(&self.described, nowhere)
    }

    /// Whether entities that lie so may be at the source, as far as it says where it has some
    /// [CIM-009 §5.2.9].
    pub fn may_have(&self, geo: &GeoQuery) -> bool {
        let near_enough = match geo.predicate.relation() {
            Georel::Near {
                max_distance: Some(_),
                ..
            } => geo.predicate.clone(),
            // Almost every place lies so.
            Georel::Near { .. } | Georel::Disjoint => return true,
            _ => Predicate::new(Georel::Intersects, geo.predicate.reference().clone()),
        };
        let said = self.described.instances(&geo.property);
        let mut places = said.filter_map(|attribute| match &attribute.value {
            AttributeValue::Geo(place) => Some(place),
            _ => None,
        });
        let Some(first) = places.next() else {
            return true;
        };
        near_enough.holds(first) || places.any(|place| near_enough.holds(place))
    }

    /// The registration as it came, with names expanded and without `@context`.
    pub fn document(&self) -> &Value {
        &self.document
    }
}

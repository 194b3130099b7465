//! What a subscription is [CIM-009 §5.2.12].
//!
//! It is read once, when it is made or changed or the node starts: all names expanded, all
//! languages parsed. What was said stays beside it, for answers and later changes.

mod notification;
mod read;
mod said;
mod show;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use base::{Name, Seq, Time};
use jsonld::Context;
use ngsi::Query;
use ngsi::query::QExpr;
use ngsi::render::Languages;
use serde_json::Value;

pub use notification::{Accept, Endpoint, Join, NotificationParams, Transport};
pub use said::Spoken;
pub(crate) use said::{Packed, Said};
pub use stats::{Counts, Stats};

use crate::error::SubscriptionError;

/// What a subscription is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Entities: `/subscriptions` [CIM-009 §5.8].
    Entities,
    /// Context sources that registered: `/csourceSubscriptions` [CIM-009 §5.11].
    Sources,
}

/// A subscription, ready to be asked whether a change concerns it.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id, a URI.
    pub id: Name,
    /// What it is about.
    pub kind: Kind,
    /// Which entities: `selectors` from `entities`, and `q`, `geo`, `scope`. Its `now` is for
    /// whoever asks to set.
    pub query: Query,
    /// Attributes whose change counts, by expanded name; empty: any.
    pub watched: Vec<Name>,
    /// Which kinds of change count.
    pub triggers: Triggers,
    /// How often a notification is sent whatever happens; then nothing else triggers one.
    pub time_interval: Option<Duration>,
    /// The least time between two notifications.
    pub throttling: Option<Duration>,
    /// From when on it is over.
    pub expires_at: Option<Time>,
    /// Whether its owner wants notifications now (`isActive`).
    pub is_active: bool,
    /// Which context sources are asked, by what they say of themselves (`csf`).
    pub source_filter: Option<QExpr>,
    /// The time in which a source has data; of subscriptions to sources.
    pub temporal: Option<TemporalQuery>,
    /// Only instances of these datasets are shown; the default one is `None`.
    pub datasets: Option<Vec<Option<Name>>>,
    /// Whether an entity of which parts lie at several sources may be shown in parts.
    pub split_entities: bool,
    /// Whether only what is kept here counts.
    pub local_only: bool,
    /// The languages that a LanguageProperty is shown in.
    pub languages: Option<Languages>,
    /// What is sent, and where.
    pub notification: NotificationParams,
    /// The @context that notifications are written in.
    pub context: Arc<Context>,
    /// Its URL, for `@context` and Link headers of notifications.
    pub context_url: Name,
    /// Changes up to this one are from before the subscription and do not concern it.
    pub since: Seq,
    /// The last change of it.
    pub(crate) revision: Seq,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed by its owner.
    pub modified_at: Time,
    /// How its notifications have fared; the same across changes of it.
    pub stats: Arc<Stats>,
    /// The @context in use when it was made.
    pub(crate) spoken: Spoken,
    /// What was said to make it so.
    pub(crate) said: Packed,
}

/// How a subscription is [CIM-009 §5.2.12].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Notifications are sent.
    Active,
    /// Its owner wants none now.
    Paused,
    /// Its time is over.
    Expired,
}

impl Status {
    /// The word of the standard.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
        }
    }
}

impl Subscription {
    /// Reads a subscription that is said in an @context. Without an `id` it has an empty one; its
    /// times and `since` are for its keeper to say.
    pub fn parse(value: Value, spoken: &Spoken, kind: Kind) -> Result<Self, SubscriptionError> {
        let mut said = Said::new();
        said.say(read::members(value)?, spoken);
        Self::of_said(said, spoken, kind)
    }

    /// Reads what was said, made in an @context.
    pub(crate) fn of_said(
        said: Said,
        spoken: &Spoken,
        kind: Kind,
    ) -> Result<Self, SubscriptionError> {
        read::subscription(said, spoken, kind)
    }

    /// This subscription with what a fragment says in its place, member by member; `null` deletes
    /// one [CIM-009 §5.8.2].
    pub fn changed(&self, fragment: Value, spoken: &Spoken) -> Result<Self, SubscriptionError> {
        let members = read::members(fragment)?;
        let mut said = self.said.open();
        said.say(members, spoken);
        let read = read::subscription(said, &self.spoken, self.kind)?;
        if read.id != self.id {
            return Err(SubscriptionError::member("id", "cannot be changed"));
        }
        Ok(Self {
            context: Arc::clone(&self.context),
            context_url: self.context_url.clone(),
            since: self.since,
            revision: self.revision,
            created_at: self.created_at,
            modified_at: self.modified_at,
            stats: Arc::clone(&self.stats),
            ..read
        })
    }

    /// What its owner said is to be the @context of its notifications.
    pub(crate) fn said_context(&self) -> Option<String> {
        let said = self.said.open();
        let (value, _) = said.get("jsonldContext")?;
        value.as_str().map(ToOwned::to_owned)
    }

    /// The subscription as JSON, in the words of `context`: what was said, and what the node knows
    /// of it at `now`.
    pub fn show(&self, context: &Arc<Context>, sys_attrs: bool, now: Time) -> Value {
        show::subscription(self, context, sys_attrs, now)
    }

    /// How it is at `now`.
    pub fn status(&self, now: Time) -> Status {
        if self.expires_at.is_some_and(|end| end <= now) {
            Status::Expired
        } else if self.is_active {
            Status::Active
        } else {
            Status::Paused
        }
    }
}

/// Kinds of change that trigger a notification [CIM-009 §5.2.12, `notificationTrigger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one word of the standard, said or not"
)]
pub struct Triggers {
    /// An entity was made.
    pub entity_created: bool,
    /// Anything of an entity changed.
    pub entity_updated: bool,
    /// An entity was deleted.
    pub entity_deleted: bool,
    /// An entity got an attribute.
    pub attribute_created: bool,
    /// An attribute changed.
    pub attribute_updated: bool,
    /// An attribute was deleted.
    pub attribute_deleted: bool,
}

impl Default for Triggers {
    /// What counts when nothing is said.
    fn default() -> Self {
        Self {
            attribute_created: true,
            attribute_updated: true,
            ..Self::NONE
        }
    }
}

impl Triggers {
    /// Nothing triggers.
    pub const NONE: Self = Self {
        entity_created: false,
        entity_updated: false,
        entity_deleted: false,
        attribute_created: false,
        attribute_updated: false,
        attribute_deleted: false,
    };
}

/// A query over time [CIM-009 §5.2.21].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporalQuery {
    /// Before, after or between.
    pub relation: TimeRelation,
    /// `timeAt`.
    pub time_at: Time,
    /// `endTimeAt`, of between.
    pub end_time_at: Option<Time>,
    /// Which time of an attribute is meant: `observedAt`, `createdAt`, `modifiedAt`, `deletedAt`.
    pub property: String,
}

/// `timerel` [CIM-009 §4.11].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeRelation {
    /// Earlier than `timeAt`.
    Before,
    /// From `timeAt` on.
    After,
    /// From `timeAt` until `endTimeAt`.
    Between,
}

#[cfg(test)]
mod tests;

//! The store: state, history and the log of changes, one behind the other [architecture §2].

use std::sync::Arc;

use async_trait::async_trait;
use base::{Kind, Name, Seq, Tenant, Time};
use ngsi::temporal::{Evolution, Head, HistoryEdit, Samples, Span};
use ngsi::{AttributeKind, Delta, Entity, Query};
use serde_json::Value;

/// An entity and the change that made it so.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned {
    /// The entity, expired attributes included.
    pub entity: Arc<Entity>,
    /// The last change of it.
    pub seq: Seq,
}

/// A record that is no entity: an @context, a grant, a setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Doc {
    /// Its family, such as `context`.
    pub kind: Name,
    /// Its key within the family.
    pub id: Name,
    /// What it says.
    pub body: Arc<Value>,
    /// The last change of it.
    pub seq: Seq,
}

/// What must hold of the thing that a write touches, or the whole batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// It is not there.
    Absent,
    /// It stands at this change, or was changed before within the same batch.
    At(Seq),
}

/// What happened, or shall happen, to one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum EntityChange {
    /// It is now this, whole; what it was before, if it was, is gone.
    Put(Arc<Entity>),
    /// It changed so.
    Patch {
        /// The difference.
        delta: Delta,
    },
    /// It is gone.
    Delete {
        /// When.
        at: Time,
        /// The types it had.
        types: Vec<Name>,
    },
}

/// The entity before and after a change. It is not written, only told to tails that keep up with the
/// log: whoever reads the log back later does not find it. So two facts are equal whether or not
/// it is remembered.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// What it was; `None`: it was not there, or that is not remembered.
    pub before: Option<Arc<Entity>>,
    /// What it is then; `None`: it is gone, or that is not remembered.
    pub after: Option<Arc<Entity>>,
}

impl PartialEq for Around {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// One write of a batch.
#[derive(Debug, Clone)]
pub enum Act {
    /// Of an entity. History follows from it: every attribute put or set is an instance, every
    /// attribute removed (also by a put over an older state, or a delete) is a deletion; the
    /// deletions of a put or a delete stand behind the instances, by name and dataset.
    Entity {
        /// Which.
        id: Name,
        /// What must hold.
        expect: Expect,
        /// What shall be.
        change: EntityChange,
        /// What was and will be, if the writer has it at hand.
        around: Around,
    },
    /// Of history itself, the current state untouched.
    History {
        /// Which entity's.
        id: Name,
        /// What shall be.
        edit: HistoryEdit,
    },
    /// Of a doc.
    Doc {
        /// Its family.
        kind: Name,
        /// Its key.
        id: Name,
        /// What must hold.
        expect: Expect,
        /// The new body; `None`: gone.
        body: Option<Arc<Value>>,
    },
}

/// Writes of one tenant that become true together or not at all.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whose world.
    pub tenant: Tenant,
    /// When.
    pub time: Time,
    /// What, in order; each becomes one change.
    pub acts: Vec<Act>,
    /// The cursor of a tail that moves with it.
    pub cursor: Option<(Name, Seq)>,
}

/// What a commit returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The number of the first act; the others follow one by one.
    pub first: Seq,
    /// The number of the last; before `first` when the batch had no acts.
    pub last: Seq,
}

/// A committed fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its place in the log.
    pub seq: Seq,
    /// Whose world.
    pub tenant: Tenant,
    /// When.
    pub time: Time,
    /// What.
    pub fact: Fact,
}

/// What a change says.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// Of an entity.
    Entity {
        /// Which.
        id: Name,
        /// What.
        change: EntityChange,
        /// What was before and after it, if that is remembered.
        around: Around,
    },
    /// Of history itself.
    History {
        /// Which entity's.
        id: Name,
        /// What.
        edit: HistoryEdit,
    },
    /// Of a doc.
    Doc {
        /// Its family.
        kind: Name,
        /// Its key.
        id: Name,
        /// The new body; `None`: gone.
        body: Option<Arc<Value>>,
    },
}

/// What types there are, and what their entities say: for discovery [CIM-009 §5.7.5].
/// Expired entities count until they are swept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Census {
    /// By expanded name, ascending.
    pub types: Vec<TypeCensus>,
}

/// One type of the census.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeCensus {
    /// Expanded name.
    pub name: Name,
    /// Entities of it.
    pub entities: u64,
    /// Attributes that entities of it have: expanded name, kind, how many instances;
    /// by name and kind, ascending.
    pub attributes: Vec<(Name, AttributeKind, u64)>,
}

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// An expectation did not hold; nothing was written.
    #[error("'{id}' was changed by somebody else in the meantime")]
    Conflict {
        /// Of which entity or doc.
        id: Name,
    },
    /// The store takes no more writes now.
    #[error("the store cannot take writes: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// A stated limit was reached; nothing was written.
    #[error("{reason}")]
    Limit {
        /// Which.
        reason: String,
    },
    /// What is on disk is not what was written.
    #[error("the store is damaged: {reason}; run 'chorsu check'")]
    Corrupt {
        /// Where and how.
        reason: String,
    },
}

impl StoreError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Conflict { .. } => Kind::Conflict,
            Self::Unavailable { .. } => Kind::Unavailable,
            Self::Limit { .. } => Kind::Limit,
            Self::Corrupt { .. } => Kind::Corrupt,
        }
    }
}

/// The store of a node. Its contract, shown by one suite that every store runs:
///
/// 1. a batch is all there or not at all; once [`Store::commit`] returns, it survives a crash,
///    and reads that start afterwards see it;
/// 2. no late arrivals: whoever has seen head = n never later meets a change ≤ n;
/// 3. the changes of one batch stand together;
/// 4. [`Store::find`] answers exactly as [`Query::matches`] would over all entities, in id order,
///    paged by key, never by offset;
/// 5. everything is under a tenant, and nothing reads across.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// One entity.
    async fn read(&self, tenant: &Tenant, id: &str) -> Result<Option<Versioned>, StoreError>;

    /// The first `limit` entities after `after` that match, in id order (by bytes).
    async fn find(
        &self,
        tenant: &Tenant,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Versioned>, StoreError>;

    /// How many entities match.
    async fn count(&self, tenant: &Tenant, query: &Query) -> Result<u64, StoreError>;

    /// Ids of up to `limit` entities that have expired by `now`, or have an attribute (not a
    /// sub-attribute) that has; those that expired first come first.
    async fn expired(
        &self,
        tenant: &Tenant,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Name>, StoreError>;

    /// One entity over time; a series without instances in the span is left out.
    async fn history(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Evolution>, StoreError>;

    /// The same, of each instance only what it counts as in an aggregation: those that have the
    /// time that the span speaks of. A store may only be faster than this default, never other.
    async fn samples(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
    ) -> Result<Option<Vec<Samples>>, StoreError> {
        let evolution = self.history(tenant, id, span).await?;
        let samples = |evolution: Evolution| {
            let series = evolution.series.into_iter();
            series.map(|series| Samples::of(series, span)).collect()
        };
        Ok(evolution.map(samples))
    }

    /// The first `limit` entities after `after` that have a history and are of one of the `types`
    /// (empty: any), in id order.
    async fn heads(
        &self,
        tenant: &Tenant,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, StoreError>;

    /// One doc.
    async fn doc(&self, tenant: &Tenant, kind: &str, id: &str) -> Result<Option<Doc>, StoreError>;

    /// The first `limit` docs of a family after `after`, in id order.
    async fn docs(
        &self,
        tenant: &Tenant,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Doc>, StoreError>;

    /// The tenants that have ever been written to, and the default one, in order.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// The types and attributes of a tenant.
    async fn census(&self, tenant: &Tenant) -> Result<Census, StoreError>;

    /// Makes a batch true. Returns when it is on disk.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// Up to `limit` changes after `after`, of all tenants, in order.
    async fn changes(&self, after: Seq, limit: usize) -> Result<Vec<Change>, StoreError>;

    /// Whether somebody else than this process may write, so that a commit can conflict.
    fn has_other_writers(&self) -> bool {
        false
    }

    /// The last committed change.
    fn head(&self) -> Seq;

    /// Returns the head as soon as it is beyond `seq`.
    async fn beyond(&self, seq: Seq) -> Result<Seq, StoreError>;

    /// How far the tail of that name has come.
    async fn cursor(&self, name: &str) -> Result<Option<Seq>, StoreError>;
}

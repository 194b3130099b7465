//! History that leaves the store: it is handed over in parcels, kept in an archive, and read back
//! as if it had never left.
//!
//! The border between the two is a change of the log. What arrived up to it is in the archive,
//! what arrived later in the store; where both have a row it counts once. Rows of the archive are
//! settled among themselves; what the store takes out later is handed over as a [`Cut`], until then
//! the store hides it in every read.

use std::fmt::Debug;
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::Attribute;
use ngsi::temporal::{InstanceId, Rolled};

use crate::{Forget, StoreError};

/// The cursor of whoever takes history over: up to it all is in the archive.
pub const ARCHIVE_CURSOR: &str = "lake";

/// Which series of which entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PastSeries {
    /// Whose world.
    pub tenant: Tenant,
    /// The entity.
    pub entity: Name,
    /// Its types, as the store knows them now; empty when its history was taken out.
    pub types: Vec<Name>,
    /// Expanded name of the attribute.
    pub name: Name,
    /// The dataset; `None`: the default one.
    pub dataset_id: Option<Name>,
}

/// One instance, without the names of its series.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRow {
    /// By what rows of a series are ordered: observed, else modified.
    pub moment: Time,
    /// Whether the moment is `observedAt`.
    pub observed: bool,
    /// `modifiedAt`; of a deletion `deletedAt`.
    pub modified_at: Time,
    /// `createdAt`.
    pub created_at: Time,
    /// `unitCode`.
    pub unit_code: Option<Name>,
    /// `valueType`, expanded.
    pub value_type: Option<Name>,
    /// Its identity.
    pub id: InstanceId,
    /// The change that wrote it: later than `id` when the instance was replaced.
    pub arrived: InstanceId,
    /// What it says.
    pub value: PastValue,
}

/// The value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum PastValue {
    /// A bare whole number.
    Int(i64),
    /// A bare number.
    Float(f64),
    /// The attribute was deleted.
    Deleted,
    /// All else: the whole attribute, its names and times included.
    Wide(Box<Attribute>),
    /// Not an instance, but what is left of those of a period that begins at the moment; `arrived`
    /// is the last change that brought one of them. Cuts of an entity or attribute take it too.
    Rolled(Box<Rolled>),
}

/// What was taken out of an entity's history: every row in its reach that arrived before.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Whose world.
    pub tenant: Tenant,
    /// The entity.
    pub entity: Name,
    /// The change that took them: rows that arrived earlier are gone.
    pub at: Seq,
    /// Which rows.
    pub reach: Reach,
}

/// Which rows of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Reach {
    /// All.
    Entity,
    /// Of an attribute: of one dataset, or of all.
    Attribute {
        /// Expanded name.
        name: Name,
        /// `None`: all; `Some(None)`: the default one.
        #[expect(
            clippy::option_option,
            reason = "unsaid and said to be none are two things"
        )]
        dataset_id: Option<Option<Name>>,
    },
    /// Of a series, observed at that time.
    Observed {
        /// Expanded name.
        name: Name,
        /// The dataset.
        dataset_id: Option<Name>,
        /// `observedAt`.
        time: Time,
    },
    /// Of a series, that one.
    Instance {
        /// Expanded name.
        name: Name,
        /// The dataset.
        dataset_id: Option<Name>,
        /// Which.
        instance: InstanceId,
    },
}

/// The history that arrived with the changes of a range. Blocks on the disk.
pub trait Parcel: Send + Debug {
    /// The first and the last change of the range.
    fn range(&self) -> (Seq, Seq);

    /// About how many rows there are.
    fn rows(&self) -> u64;

    /// What was taken out by changes of the range: also rows that were handed over before.
    fn cuts(&self) -> Vec<Cut>;

    /// Appends the next rows, all of the series that it gives, in the order of moment and id;
    /// `None`: there are no more. Series come by tenant and entity, then in an order of the store's
    /// own; one may come in several parts, one after the other. Rows are settled among themselves:
    /// of those observed at one time the one that came last, none that a cut of the range took.
    fn next(&mut self, rows: &mut Vec<PastRow>) -> Result<Option<PastSeries>, StoreError>;
}

/// The side of a store that gives its history away. Every call blocks on the disk.
pub trait Past: Send + Sync + Debug {
    /// Where what is given away can be read. To be said once, before anything is taken over or
    /// read; later calls are passed over.
    fn keep_in(&self, archive: Arc<dyn Archive>);

    /// The history that arrived after `after`, up to a later change: about `rows_max` rows, all
    /// of whole changes; `None` when there is nothing new. A parcel may have neither rows nor cuts:
    /// then only the cursor moves.
    fn parcel(&self, after: Seq, rows_max: u64) -> Result<Option<Box<dyn Parcel>>, StoreError>;

    /// About how many bytes of history arrived after `after`.
    fn pending_bytes(&self, after: Seq) -> u64;

    /// Lets go of the history that arrived up to this change: every read of the archive that begins
    /// from now on has it, its cuts included. May be said again, and of less; what is not let go
    /// of only takes room.
    fn let_go(&self, until: Seq) -> Result<(), StoreError>;

    /// The side of the store that forgets for good, if it has one.
    fn forgets(&self) -> Option<&dyn Forget> {
        None
    }
}

/// What of an entity's archived history is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAsk {
    /// Whose world.
    pub tenant: Tenant,
    /// The entity.
    pub entity: Name,
    /// Only attributes of these expanded names; `None`: all.
    pub attributes: Option<Vec<Name>>,
    /// The first and the last moment that can count, both included.
    pub moments: (Time, Time),
    /// Whether rows are wanted from the latest on.
    pub last: bool,
}

/// Archived history. Every call blocks on the disk.
pub trait Archive: Send + Sync + Debug {
    /// Begins a read, of the archive as it is at this moment: nothing that is edited later is in
    /// it, nothing that counts now is missing, however long it takes.
    fn read(&self, ask: PastAsk) -> Result<Box<dyn PastReader>, StoreError>;
}

/// A read of an entity's archived history.
pub trait PastReader: Send + Debug {
    /// The series that may have rows: expanded name and dataset.
    fn series(&mut self) -> Result<Vec<(Name, Option<Name>)>, StoreError>;

    /// Appends the next rows of a series, in the order of moment and id, or backwards if the
    /// latest come first; none appended: there are no more.
    fn next(
        &mut self,
        name: &Name,
        dataset_id: Option<&Name>,
        rows: &mut Vec<PastRow>,
    ) -> Result<(), StoreError>;
}

//! Commands: what somebody wants to be so of one entity.

use base::Name;
use ngsi::Attribute;
use ngsi::parse::Fragment;
use ngsi::patch::{Instances, MergeOptions, Outcome};
use ngsi::query::TypeExpr;
use ngsi::temporal::{HistoryEdit, InstanceId};
use trust::Operation;

/// Bytes that a command counts as besides what it says.
const COMMAND_BYTES: usize = 256;

/// What is wanted of one entity. Fragments were read by [`ngsi::parse`].
#[derive(Debug, Clone)]
pub enum Command {
    /// Do it if the entity is of such a type; else it is as if it were not there
    /// [CIM-009 §4.17].
    IfType {
        /// Which types.
        types: TypeExpr,
        /// What.
        command: Box<Self>,
    },
    /// Let there be this entity; none of that id may be there [CIM-009 §5.6.1].
    Create(Fragment),
    /// Let there be this entity, whether one of that id is there or not [CIM-009 §5.6.8].
    Upsert {
        /// The entity.
        fragment: Fragment,
        /// What becomes of an entity that is there.
        how: Upsert,
        /// Whether to leave an entity as it is that would not change but for its times.
        skip_unchanged: bool,
    },
    /// Put another in the place of an entity [CIM-009 §5.6.18].
    Replace {
        /// Which entity.
        id: Name,
        /// What it shall be.
        fragment: Fragment,
    },
    /// Append attributes [CIM-009 §5.6.3].
    Append {
        /// Which entity.
        id: Name,
        /// The attributes.
        fragment: Fragment,
        /// Whether attributes that are there are overwritten.
        overwrite: bool,
    },
    /// Update attributes, whole [CIM-009 §5.6.2].
    Update {
        /// Which entity.
        id: Name,
        /// The attributes.
        fragment: Fragment,
    },
    /// Merge a fragment [CIM-009 §5.6.17].
    Merge {
        /// Which entity.
        id: Name,
        /// What is merged.
        fragment: Fragment,
        /// How.
        options: MergeOptions,
    },
    /// Change members of an attribute [CIM-009 §5.6.4].
    UpdateAttribute {
        /// Which entity.
        id: Name,
        /// The instances, with what is said of them; all of one name.
        instances: Vec<Attribute>,
    },
    /// Replace instances of an attribute [CIM-009 §5.6.19].
    ReplaceAttribute {
        /// Which entity.
        id: Name,
        /// The instances; all of one name.
        instances: Vec<Attribute>,
    },
    /// Delete instances of an attribute [CIM-009 §5.6.5].
    DeleteAttribute {
        /// Which entity.
        id: Name,
        /// Expanded name.
        name: Name,
        /// Which instances.
        which: Instances,
    },
    /// Delete an entity [CIM-009 §5.6.6].
    Delete {
        /// Which.
        id: Name,
    },
    /// Delete attributes of an entity, or all but some: a purge [CIM-009 §5.6.21].
    Purge {
        /// Which entity.
        id: Name,
        /// Expanded names.
        names: Vec<Name>,
        /// Whether the named ones are kept, and the others go.
        keep: bool,
    },
    /// Delete what has expired of an entity, or the entity itself. The node wants this.
    Sweep {
        /// Which.
        id: Name,
    },
    /// Add instances to the history of an entity. They become its current state where they are
    /// newer than that; the entity is created if need be [CIM-009 §5.6.11, §5.6.12].
    AddHistory {
        /// The entity with its instances, several of one attribute.
        fragment: Fragment,
        /// Whether a history must be there already (§5.6.12) or may come to be (§5.6.11).
        must_exist: bool,
    },
    /// Edit history [CIM-009 §5.6.13 to §5.6.16].
    EditHistory {
        /// Which entity's.
        id: Name,
        /// How.
        edit: HistoryEdit,
    },
    /// Change members of one instance in history [CIM-009 §5.6.14].
    UpdateInstance {
        /// Which entity's.
        id: Name,
        /// Which instance.
        instance: InstanceId,
        /// What is said of it.
        attribute: Attribute,
    },
}

/// What an upsert does with an entity that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upsert {
    /// Replaces it.
    Replace,
    /// Appends to it, overwriting attributes.
    Update,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The entity, or its history, came to be.
    Created,
    /// It was changed, as far as the outcome says.
    Changed(Outcome),
    /// It was as wanted already.
    Unchanged,
    /// It is gone.
    Deleted,
}

impl Command {
    /// The entity that the command is about.
    pub fn id(&self) -> Option<&Name> {
        match self {
            Self::IfType { command, .. } => command.id(),
            Self::Create(fragment)
            | Self::Upsert { fragment, .. }
            | Self::AddHistory { fragment, .. } => fragment.id.as_ref(),
            Self::Replace { id, .. }
            | Self::Append { id, .. }
            | Self::Update { id, .. }
            | Self::Merge { id, .. }
            | Self::UpdateAttribute { id, .. }
            | Self::ReplaceAttribute { id, .. }
            | Self::DeleteAttribute { id, .. }
            | Self::Delete { id }
            | Self::Purge { id, .. }
            | Self::Sweep { id }
            | Self::EditHistory { id, .. }
            | Self::UpdateInstance { id, .. } => Some(id),
        }
    }

    /// About how many bytes the command came in, which bounds what waits at the door.
    pub(crate) fn bytes(&self) -> usize {
        let of = |fragment: &Fragment| fragment.attributes.iter().map(Attribute::bytes).sum();
        let said: usize = match self {
            Self::IfType { command, .. } => command.bytes(),
            Self::Create(fragment)
            | Self::Upsert { fragment, .. }
            | Self::AddHistory { fragment, .. }
            | Self::Replace { fragment, .. }
            | Self::Append { fragment, .. }
            | Self::Update { fragment, .. }
            | Self::Merge { fragment, .. } => of(fragment),
            Self::UpdateAttribute { instances, .. } | Self::ReplaceAttribute { instances, .. } => {
                instances.iter().map(Attribute::bytes).sum()
            }
            Self::UpdateInstance { attribute, .. } => attribute.bytes(),
            Self::Purge { names, .. } => names.iter().map(|name| name.len()).sum(),
            Self::DeleteAttribute { .. }
            | Self::Delete { .. }
            | Self::Sweep { .. }
            | Self::EditHistory { .. } => 0,
        };
        said + COMMAND_BYTES
    }

    fn operation(&self) -> Operation {
        match self {
            Self::IfType { command, .. } => command.operation(),
            Self::Delete { .. }
            | Self::Purge { .. }
            | Self::DeleteAttribute { .. }
            | Self::Sweep { .. }
            | Self::EditHistory { .. } => Operation::Delete,
            _ => Operation::Write,
        }
    }
}

/// The operations that commands need a right to, each once.
pub(crate) fn operations(commands: &[Command]) -> Vec<Operation> {
    let mut operations = Vec::with_capacity(2);
    for command in commands {
        let operation = command.operation();
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    operations
}

//! Why the broker did not do it.

use base::{Kind, Name};
use ngsi::parse::ParseError;
use ports::StoreError;

/// Why something was not done, or not answered. Nothing was changed by what was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokerError {
    /// No right to it.
    #[error(transparent)]
    Denied(#[from] trust::Denied),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input is wrong in the light of what is there.
    #[error(transparent)]
    Invalid(#[from] ParseError),
    /// There is no such entity.
    #[error("there is no entity '{id}'")]
    EntityUnknown {
        /// The URI.
        id: Name,
    },
    /// There is no such attribute of it.
    #[error("the entity '{id}' has no such attribute or instance of it")]
    AttributeUnknown {
        /// The URI of the entity.
        id: Name,
        /// Expanded name of the attribute.
        name: Name,
    },
    /// The entity is already there.
    #[error("the entity '{id}' is already there; change it with PATCH or replace it with PUT")]
    EntityExists {
        /// The URI.
        id: Name,
    },
    /// Nobody has ever written to that tenant.
    #[error("there is no tenant '{tenant}'; it comes to be with the first write to it")]
    TenantUnknown {
        /// Its name.
        tenant: Name,
    },
    /// A stated limit was reached.
    #[error("{reason}")]
    Limit {
        /// Which.
        reason: String,
    },
    /// Too much waits at the door already.
    #[error("too many writes are waiting; try again in a second")]
    Busy,
    /// The caller does not wait any more.
    #[error("the time for this request was over before its turn came, nothing was done; try again")]
    Late,
    /// The node is shutting down.
    #[error("the node is shutting down; try again when it is back")]
    DoorClosed,
}

impl BrokerError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Denied(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Invalid(error) => error.kind(),
            Self::EntityUnknown { .. }
            | Self::AttributeUnknown { .. }
            | Self::TenantUnknown { .. } => Kind::NotFound,
            Self::EntityExists { .. } => Kind::Conflict,
            Self::Limit { .. } => Kind::Limit,
            Self::Busy | Self::Late | Self::DoorClosed => Kind::Unavailable,
        }
    }
}

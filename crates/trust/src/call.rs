//! A call: who asks, for which tenant, until when.

use base::{Name, Tenant, Time};

use crate::access::Operations;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody known.
    Public,
    /// The node itself, or whoever holds its folder: the command line on a stopped node.
    Administrator,
    /// The holder of a bearer token.
    Token {
        /// The token's id, as it stands in the log.
        id: Name,
        /// The token's name, given by the administrator.
        name: Name,
        /// What the token allows.
        operations: Operations,
    },
}

impl Principal {
    /// The text by which logs name the principal; it holds no secret.
    pub fn label(&self) -> &str {
        match self {
            Self::Public => "public",
            Self::Administrator => "administrator",
            Self::Token { id, .. } => id,
        }
    }
}

/// Who asks, for which tenant, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who.
    pub principal: Principal,
    /// Whose world.
    pub tenant: Tenant,
    /// When an answer is of no use any more.
    pub deadline: Time,
}

impl Call {
    /// The node's own call in a tenant, without a deadline.
    pub fn of_the_node(tenant: Tenant) -> Self {
        Self {
            principal: Principal::Administrator,
            tenant,
            deadline: Time::MAX,
        }
    }

    /// Whether the deadline has passed at `now`.
    pub fn is_late(&self, now: Time) -> bool {
        self.deadline <= now
    }
}

//! The policy of a node: open to everybody, or closed to all but the holders of tokens.
//! Limit: rights hold for the whole node; grants by type, place or tenant are another model.

use std::fmt;
use std::ops::BitOr;

use base::Kind;

use crate::call::{Call, Principal};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// See what is now: entities, types, contexts.
    Read,
    /// See what was: the temporal evolution.
    History,
    /// Be told of changes.
    Subscribe,
    /// Create and change.
    Write,
    /// Take away.
    Delete,
    /// Let others see or offer data to them: registrations, datasets.
    Share,
    /// Give and take rights, back up, purge tenants.
    Administer,
}

impl Operation {
    /// All, in the order of their reach.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::History,
        Self::Subscribe,
        Self::Write,
        Self::Delete,
        Self::Share,
        Self::Administer,
    ];

    /// The lower-case word on the wire and in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::History => "history",
            Self::Subscribe => "subscribe",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Share => "share",
            Self::Administer => "administer",
        }
    }

    /// The operation of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.word() == word)
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of operations. Whoever may administer may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Operations(u8);

impl Operations {
    /// None.
    pub const NONE: Self = Self(0);
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);

    /// Whether the operation is allowed by this set.
    pub fn allow(self, operation: Operation) -> bool {
        self.0 & (operation.bit() | Operation::Administer.bit()) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The operations named, in the order of their reach.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL
            .into_iter()
            .filter(move |operation| self.0 & operation.bit() != 0)
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations
            .into_iter()
            .fold(Self::NONE, |set, operation| set | operation)
    }
}

impl BitOr<Operation> for Operations {
    type Output = Self;
    fn bitor(self, operation: Operation) -> Self {
        Self(self.0 | operation.bit())
    }
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody is known.
    #[error("this node is closed: send 'Authorization: Bearer chorsu_…' with a token of the node")]
    Unauthenticated,
    /// A token was sent, but it opens nothing.
    #[error("the token is unknown, revoked or expired: ask the administrator for a new one")]
    TokenRefused,
    /// Known, but not allowed.
    #[error(
        "the token '{name}' does not allow '{operation}': ask the administrator for one that does"
    )]
    Forbidden {
        /// The token's name.
        name: String,
        /// What was wanted.
        operation: Operation,
    },
}

impl Denied {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unauthenticated | Self::TokenRefused => Kind::Unauthenticated,
            Self::Forbidden { .. } => Kind::Forbidden,
        }
    }
}

/// The policy of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody may do everything: for trials on one machine.
    Open,
    /// Only holders of tokens may do what their token says.
    Closed,
}

impl Access {
    /// Decides whether the call may do this.
    pub fn authorize(self, call: &Call, operation: Operation) -> Result<(), Denied> {
        match (self, &call.principal) {
            (Self::Open, _) | (Self::Closed, Principal::Administrator) => Ok(()),
            (Self::Closed, Principal::Public) => Err(Denied::Unauthenticated),
            (
                Self::Closed,
                Principal::Token {
                    name, operations, ..
                },
            ) => {
                if operations.allow(operation) {
                    Ok(())
                } else {
                    Err(Denied::Forbidden {
                        name: name.to_string(),
                        operation,
                    })
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base::{Tenant, Time};

    use super::*;

    fn call(principal: Principal) -> Call {
        Call {
            principal,
            tenant: Tenant::default_tenant(),
            deadline: Time::MAX,
        }
    }

    fn token(operations: &[Operation]) -> Principal {
        Principal::Token {
            id: "a1".into(),
            name: "feed".into(),
            operations: operations.iter().copied().collect(),
        }
    }

    #[test]
    fn an_open_node_lets_everybody_do_everything() {
        for operation in Operation::ALL {
            assert_eq!(
                Access::Open.authorize(&call(Principal::Public), operation),
                Ok(())
            );
        }
    }

    #[test]
    fn a_closed_node_lets_nobody_unknown_do_anything() {
        for operation in Operation::ALL {
            let refused = Access::Closed.authorize(&call(Principal::Public), operation);
            assert_eq!(refused, Err(Denied::Unauthenticated));
        }
    }

    #[test]
    fn a_token_opens_what_it_names_and_no_more() {
        let feed = call(token(&[Operation::Read, Operation::Write]));
        for operation in Operation::ALL {
            let allowed = Access::Closed.authorize(&feed, operation).is_ok();
            assert_eq!(
                allowed,
                matches!(operation, Operation::Read | Operation::Write)
            );
        }
    }

    #[test]
    fn whoever_may_administer_may_do_everything() {
        let chief = call(token(&[Operation::Administer]));
        for operation in Operation::ALL {
            assert_eq!(Access::Closed.authorize(&chief, operation), Ok(()));
        }
    }

    #[test]
    fn every_operation_reads_back_from_its_word() {
        for operation in Operation::ALL {
            assert_eq!(Operation::from_word(operation.word()), Some(operation));
        }
        assert_eq!(Operation::from_word("Read"), None);
    }
}

//! What ends an import as a whole; a bad row never does.

use base::Kind;

use crate::out::Refused;

/// Why an import ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be opened or read.
    #[error("{name} cannot be read: {reason}")]
    Unreadable {
        /// The file, as the caller named it.
        name: String,
        /// What the system said.
        #[source]
        reason: std::io::Error,
    },
    /// The container is broken or is something else: nothing was imported from it.
    #[error("{name}: {reason}")]
    Broken {
        /// The file, or the part of it.
        name: String,
        /// What is wrong, in a sentence.
        reason: String,
    },
    /// The file asks for more than one import may take.
    #[error("{name}: {reason}")]
    TooLarge {
        /// The file, or the part of it.
        name: String,
        /// Which limit, in a sentence.
        reason: String,
    },
    /// The mapping of a CSV file cannot be used.
    #[error("mapping {name}: {reason}")]
    Mapping {
        /// The mapping file.
        name: String,
        /// What is wrong, in a sentence.
        reason: String,
    },
    /// The receiving side gave up.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl ImportError {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreadable { reason, .. } if reason.kind() == std::io::ErrorKind::NotFound => {
                Kind::NotFound
            }
            Self::Unreadable { .. } => Kind::Unavailable,
            Self::Broken { .. } | Self::Mapping { .. } => Kind::Invalid,
            Self::TooLarge { .. } => Kind::Limit,
            Self::Refused(refused) => refused.kind,
        }
    }

    pub(crate) fn broken(name: &str, reason: &dyn std::fmt::Display) -> Self {
        Self::Broken {
            name: name.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn too_large(name: &str, reason: impl Into<String>) -> Self {
        Self::TooLarge {
            name: name.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn mapping(name: &str, reason: &dyn std::fmt::Display) -> Self {
        Self::Mapping {
            name: name.to_owned(),
            reason: reason.to_string(),
        }
    }
}

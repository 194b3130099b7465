//! Words that are told once and never shown again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// A password, a token, the value of a header.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The word itself: for the one who is to be convinced by it, and for the store.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What is shown of it.
    pub(crate) fn hidden() -> Self {
        Self(HIDDEN.to_owned())
    }

    /// Whether it is what was shown of another one.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0 == HIDDEN
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

//! What an operator may say about HTTP going out.

use std::str::FromStr;

use base::Kind;

use crate::reach::Reach;

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allow {
    /// Those of the internet alone.
    #[default]
    Public,
    /// Those of the internet and of this machine.
    Loopback,
    /// All: for a node whose partners and devices live in a private network.
    Any,
}

impl Allow {
    pub(crate) fn permits(self, reach: Reach) -> bool {
        match self {
            Self::Public => reach == Reach::Public,
            Self::Loopback => reach != Reach::Private,
            Self::Any => true,
        }
    }
}

impl FromStr for Allow {
    type Err = SettingsInvalid;

    fn from_str(text: &str) -> Result<Self, SettingsInvalid> {
        match text {
            "public" => Ok(Self::Public),
            "loopback" => Ok(Self::Loopback),
            "any" => Ok(Self::Any),
            _ => Err(SettingsInvalid::Allow(text.to_owned())),
        }
    }
}

/// The settings of HTTP going out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which addresses may be called.
    pub allow: Allow,
    /// Hosts that may be called whatever their address: names or IP addresses as they stand in URLs, without port.
    pub hosts_allowed: Vec<String>,
    /// Certificates in PEM that are trusted besides those of the public authorities, such as a city's own authority.
    pub roots_pem: Vec<u8>,
    /// Exchanges under way at once; further ones wait within their deadline. Bounds sockets and memory.
    pub exchanges_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow: Allow::Public,
            hosts_allowed: Vec::new(),
            roots_pem: Vec::new(),
            exchanges_max: 256,
        }
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsInvalid {
    /// An unknown word for [`Allow`].
    #[error("'{0}' says not which addresses may be called: write public, loopback or any")]
    Allow(String),
    /// The additional certificates cannot be read.
    #[error("the additional root certificates cannot be used: {0}; give certificates in PEM")]
    Roots(String),
}

impl SettingsInvalid {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Allow(_) | Self::Roots(_) => Kind::Invalid,
        }
    }
}

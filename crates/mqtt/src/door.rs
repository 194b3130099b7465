//! The door: who may connect.

use std::fmt;
use std::net::SocketAddr;

use async_trait::async_trait;

use crate::Version;

/// What a device says of itself when it connects.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Its client id, as it is or as it was given one.
    pub client: &'a str,
    /// Its user name.
    pub user: Option<&'a str>,
    /// Its password; for Chorsu a token.
    pub password: Option<&'a [u8]>,
    /// Where it connects from.
    pub peer: SocketAddr,
    /// The protocol it speaks.
    pub version: Version,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client", &self.client)
            .field("user", &self.user)
            .field("password", &self.password.map(|_| "…"))
            .field("peer", &self.peer)
            .field("version", &self.version)
            .finish()
    }
}

/// Why a device may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The user name or password is wrong.
    #[error("the user name or the password is wrong")]
    Credentials,
    /// They are known, and that is not enough.
    #[error("it is not allowed to publish here")]
    Forbidden,
    /// Not now.
    #[error("the node cannot take it now")]
    Unavailable,
}

impl Refusal {
    /// The code of CONNACK [MQTT5 §3.2.2.2, MQTT3 §3.2.2.3].
    pub(crate) fn code(self, version: Version) -> u8 {
        match (self, version) {
            (Self::Credentials, Version::V5) => 0x86,
            (Self::Forbidden, Version::V5) => 0x87,
            (Self::Unavailable, Version::V5) => 0x88,
            (Self::Credentials, Version::V3) => 4,
            (Self::Forbidden, Version::V3) => 5,
            (Self::Unavailable, Version::V3) => 3,
        }
    }
}

/// Who may connect.
#[async_trait]
pub trait Door: Send + Sync + fmt::Debug {
    /// Lets a device in, or says why not. It is asked once per connection.
    async fn connect(&self, who: &Credentials<'_>) -> Result<(), Refusal>;
}

/// Lets nobody in.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClosedDoor;

#[async_trait]
impl Door for ClosedDoor {
    async fn connect(&self, _who: &Credentials<'_>) -> Result<(), Refusal> {
        Err(Refusal::Forbidden)
    }
}

/// Lets everybody in.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenDoor;

#[async_trait]
impl Door for OpenDoor {
    async fn connect(&self, _who: &Credentials<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

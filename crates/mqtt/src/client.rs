//! The client: a node subscribes at somebody else's broker.

mod follow;
mod hello;

use std::fmt;
use std::sync::Arc;

use base::{Tasks, Time};
use ports::{Clock, Entropy, Outbound};
use tokio::sync::{mpsc, watch};

use crate::inbound::Outlet;
use crate::ledger::Session;
use crate::tls::Address;
use crate::{
    CLIENT_ID_BYTES_MAX, Fault, Filter, Message, PACKET_BYTES_MAX, Qos, UNANSWERED_BYTES_MAX,
    UNANSWERED_MAX, Version,
};
use follow::{Ended, follow};
pub(crate) use hello::{Hello, hello};

/// Topic filters of one client: they travel in one packet.
const SUBSCRIPTIONS_MAX: usize = 256;
/// The first pause after a failure, and the longest, in microseconds.
const PAUSE: (i64, i64) = (500_000, 60_000_000);

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
    /// Who says which addresses may be connected to, and whose additional certificates are trusted
    /// too; `None`: all, for a broker that the operator has named.
    pub reach: Option<Arc<dyn Outbound>>,
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
            reach: None,
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

/// Follows a broker. When the tasks are asked to stop, the broker keeps the session for the return of
/// the node; when the receiver of `out` is gone, the subscriptions are taken back and the session
/// ends. Whatever else happens, it connects again, ever more patiently.
///
/// # Errors
/// [`Fault::SettingsInvalid`], at once.
pub async fn subscribe(
    settings: ClientSettings,
    out: mpsc::Sender<Message>,
    state: watch::Sender<ClientState>,
    tasks: Tasks,
) -> Result<(), Fault> {
    let address = checked(&settings)?;
    let bytes_max = UNANSWERED_BYTES_MAX.max(settings.packet_bytes_max);
    let outlet = Outlet::new(out.clone(), bytes_max);
    let mut session = Arc::<Session>::default();
    let mut failures = 0_u32;
    loop {
        state.send_replace(ClientState::Connecting);
        let watched = (&state, &tasks);
        let fault = match follow(&settings, &address, &mut session, &outlet, watched).await {
            Ended::Done => break,
            Ended::Connected(fault) => {
                failures = 1;
                fault
            }
            Ended::Never(fault) => {
                failures = failures.saturating_add(1);
                fault
            }
        };
        let pause = pause(failures, settings.entropy.as_ref());
        tell(&settings, &fault, failures, pause);
        let until = settings.clock.now().plus_micros(pause);
        state.send_replace(ClientState::Waiting {
            reason: fault.to_string(),
            failures,
            until,
        });
        tokio::select! {
            biased;
            () = out.closed() => break,
            () = tasks.stopped() => break,
            () = settings.clock.sleep_until(until) => {}
        }
    }
    state.send_replace(ClientState::Stopped);
    Ok(())
}

fn checked(settings: &ClientSettings) -> Result<Address, Fault> {
    let invalid = |reason: &str| Err(Fault::SettingsInvalid(reason.to_owned()));
    if settings.client_id.is_empty() || settings.client_id.len() > CLIENT_ID_BYTES_MAX {
        return invalid("the client id has to have 1 to 256 bytes");
    }
    if settings.subscriptions.is_empty() || settings.subscriptions.len() > SUBSCRIPTIONS_MAX {
        return invalid("there have to be 1 to 256 subscriptions");
    }
    if settings.password.is_some() && settings.user.is_none() && settings.version == Version::V3 {
        return invalid("MQTT 3.1.1 knows no password without a user name");
    }
    Address::parse(&settings.url, &settings.roots_pem)
}

/// Twice as long after each failure, and between half and all of it by chance.
fn pause(failures: u32, entropy: &dyn Entropy) -> i64 {
    let doubled = PAUSE.0 << failures.saturating_sub(1).min(10);
    let longest = doubled.min(PAUSE.1);
    let mut chance = [0_u8; 2];
    entropy.fill(&mut chance);
    longest / 2 + longest / 2 * i64::from(u16::from_be_bytes(chance)) / i64::from(u16::MAX)
}

/// Each failure is said at first, then ever more seldom.
fn tell(settings: &ClientSettings, fault: &Fault, failures: u32, pause: i64) {
    if failures.is_power_of_two() {
        let (url, seconds) = (&settings.url, pause / 1_000_000);
        tracing::warn!(url, %fault, failures, "a broker cannot be followed; trying again in {seconds} s");
    }
}

#[cfg(test)]
mod tests {
    use testkit::SeededEntropy;

    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_differ() {
        let entropy = SeededEntropy::new(7);
        let pauses: Vec<i64> = (1..=20).map(|failures| pause(failures, &entropy)).collect();
        assert!((250_000..=500_000).contains(&pauses[0]), "{pauses:?}");
        assert!(
            pauses[8..]
                .iter()
                .all(|pause| (30_000_000..=60_000_000).contains(pause))
        );
        assert_ne!(pauses[10], pauses[11]);
    }
}

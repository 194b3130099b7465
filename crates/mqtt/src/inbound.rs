//! Messages on their way in: handed over within bounds, acknowledged when they were answered.

use std::future::{pending, poll_fn};
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::{PollSemaphore, PollSender};

use crate::codec::{Acknowledgement, Frame, Publish, kind, put_acknowledgement};
use crate::ledger::{Broken, Ledger, Session};
use crate::message::{Ack, Message, Verdict};
use crate::{Fault, Qos, Version};

/// Payload format invalid [MQTT5 §2.4]: what a device hears of a message that is refused.
const REFUSED: u8 = 0x99;
/// Packet Identifier not found.
const PACKET_UNKNOWN: u8 = 0x92;

/// Where messages go, and how many bytes may be under way.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    sender: mpsc::Sender<Message>,
    budget: Arc<Semaphore>,
}

impl Outlet {
    /// Messages go to `sender`; unanswered ones have at most so many bytes.
    pub(crate) fn new(sender: mpsc::Sender<Message>, bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS);
        Self {
            sender,
            budget: Arc::new(Semaphore::new(bytes_max)),
        }
    }

    /// Where messages go.
    pub(crate) fn sender(&self) -> &mpsc::Sender<Message> {
        &self.sender
    }
}

/// What was agreed with the other side.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The protocol.
    pub(crate) version: Version,
    /// The client id.
    pub(crate) client: Arc<str>,
    /// Whether we are the server.
    pub(crate) serves: bool,
    /// Messages that may be unanswered.
    pub(crate) unanswered_max: u16,
    /// Topic aliases that the other side may set.
    pub(crate) aliases_max: u16,
    /// Whether it wants to know why a message is refused.
    pub(crate) reasons_wanted: bool,
}

/// The messages of one connection.
#[derive(Debug)]
pub(crate) struct Inbound {
    terms: Terms,
    session: Arc<Session>,
    ledger: Arc<Ledger>,
    outlet: Outlet,
    patient: PollSender<Message>,
    patient_budget: PollSemaphore,
    aliases: Vec<Option<Box<str>>>,
    /// Messages of QoS 1 and 2 whose exchange is not over [MQTT5 §4.9].
    open: usize,
    /// The message that found no room.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    /// Bytes that it has yet to get from the budget.
    bytes: u32,
}

impl Inbound {
    pub(crate) fn new(terms: Terms, session: Arc<Session>, outlet: Outlet) -> Self {
        Self {
            terms,
            session,
            ledger: Arc::default(),
            patient: PollSender::new(outlet.sender.clone()),
            patient_budget: PollSemaphore::new(Arc::clone(&outlet.budget)),
            outlet,
            aliases: Vec::new(),
            open: 0,
            waiting: None,
        }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Whether another message may be read.
    pub(crate) fn is_free(&self) -> bool {
        self.waiting.is_none() && self.ledger.len() < usize::from(self.terms.unanswered_max)
    }

    /// Takes PUBLISH.
    pub(crate) fn publish(&mut self, frame: &Frame) -> Result<(), Fault> {
        let publish = Publish::read(frame, self.terms.version)?;
        let topic = self.topic(&publish)?;
        if publish.qos != Qos::AtMostOnce {
            self.open += 1;
            if self.terms.version == Version::V5
                && self.open > usize::from(self.terms.unanswered_max)
            {
                return Err(Fault::ReceiveMaximumExceeded);
            }
        }
        let packet = publish.packet;
        let ack = match publish.qos {
            Qos::AtMostOnce => Ack::none(),
            Qos::AtLeastOnce => {
                let ticket = self.ledger.owe(packet, Qos::AtLeastOnce, None);
                Ack::once(Arc::clone(&self.ledger), ticket)
            }
            Qos::ExactlyOnce => match self.session.receive(packet, &self.ledger) {
                Some(serial) => Ack::exactly_once(Arc::clone(&self.session), packet, serial),
                None => return Ok(()),
            },
        };
        let message = Message {
            topic,
            payload: publish.payload,
            client: Arc::clone(&self.terms.client),
            retained: publish.retained,
            ack,
        };
        self.offer(message, frame.len())
    }

    fn topic(&mut self, publish: &Publish<'_>) -> Result<String, Fault> {
        let Some(alias) = publish.alias else {
            return Ok(publish.topic.to_owned());
        };
        if alias > self.terms.aliases_max {
            return Err(Fault::TopicAliasInvalid);
        }
        let place = usize::from(alias) - 1;
        if self.aliases.len() <= place {
            self.aliases.resize(place + 1, None);
        }
        let known = self
            .aliases
            .get_mut(place)
            .ok_or(Fault::TopicAliasInvalid)?;
        if !publish.topic.is_empty() {
            *known = Some(publish.topic.into());
        }
        match known {
            Some(topic) => Ok(String::from(&**topic)),
            None => Err(Fault::Protocol("the topic alias was never set")),
        }
    }

    fn offer(&mut self, mut message: Message, bytes: usize) -> Result<(), Fault> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.outlet.budget).try_acquire_many_owned(bytes) else {
            self.waiting = Some(Waiting { message, bytes });
            return Ok(());
        };
        message.ack.hold(permit);
        match self.outlet.sender.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => {
                self.waiting = Some(Waiting { message, bytes: 0 });
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Fault::NotStored),
        }
    }

    /// Returns when the message that found no room was handed over; never when there is none. To
    /// give up waiting loses nothing, not even the place in the queue.
    pub(crate) async fn moved(&mut self) -> Result<(), Fault> {
        let Some(waiting) = &mut self.waiting else {
            return pending().await;
        };
        if waiting.bytes > 0 {
            let bytes = waiting.bytes;
            let permit = poll_fn(|cx| self.patient_budget.poll_acquire_many(cx, bytes)).await;
            waiting.message.ack.hold(permit.ok_or(Fault::NotStored)?);
            waiting.bytes = 0;
        }
        poll_fn(|cx| self.patient.poll_reserve(cx))
            .await
            .map_err(|_closed| Fault::NotStored)?;
        match self.waiting.take() {
            Some(waiting) => self
                .patient
                .send_item(waiting.message)
                .map_err(|_closed| Fault::NotStored),
            None => Ok(()),
        }
    }

    /// Writes the acknowledgements that are due.
    pub(crate) fn settle(&mut self, out: &mut BytesMut) -> Result<(), Fault> {
        let Self {
            terms,
            session,
            ledger,
            open,
            ..
        } = self;
        let taken = ledger.take(|due| {
            let kind_of = if due.qos == Qos::AtLeastOnce {
                kind::PUBACK
            } else {
                kind::PUBREC
            };
            let refusal = match &due.verdict {
                Verdict::Refused(reason) if terms.version == Version::V5 => Some(reason),
                _ => None,
            };
            if due.qos == Qos::ExactlyOnce && refusal.is_some() {
                session.release(due.packet);
            }
            if due.qos == Qos::AtLeastOnce || refusal.is_some() {
                *open = open.saturating_sub(1);
            }
            let said = match refusal {
                Some(reason) if terms.reasons_wanted => (REFUSED, &**reason),
                Some(_) => (REFUSED, ""),
                None => (0, ""),
            };
            put_acknowledgement(out, terms.version, kind_of, due.packet, said);
        });
        taken.map_err(|Broken| Fault::NotStored)
    }

    /// Takes PUBREL.
    pub(crate) fn release(&mut self, frame: &Frame, out: &mut BytesMut) -> Result<(), Fault> {
        let packet = Acknowledgement::read(frame, self.terms.version)?.packet;
        let code = if self.session.release(packet) {
            self.open = self.open.saturating_sub(1);
            0
        } else {
            PACKET_UNKNOWN
        };
        put_acknowledgement(out, self.terms.version, kind::PUBCOMP, packet, (code, ""));
        Ok(())
    }
}

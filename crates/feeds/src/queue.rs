//! What waits to be stored, and who waits for it.

use base::Time;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::decode::{Form, Refusal};

/// Refusals that a receipt names; the others it counts.
const NAMED_MAX: usize = 100;

/// A payload on its way into the store.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) form: Option<Form>,
    pub(crate) arrived: Time,
    pub(crate) answer: Answer,
    /// The room that the payload takes in the queue.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Who is told when it is stored.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A device or a broker.
    Message(mqtt::Message),
    /// Somebody who waits.
    Waiting(oneshot::Sender<Receipt>),
}

impl Answer {
    /// Whether nobody waits for it any more.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Message(_) => false,
            Self::Waiting(sender) => sender.is_closed(),
        }
    }

    /// It is on disk, as far as the receipt says.
    pub(crate) fn give(self, receipt: Receipt) {
        match self {
            Self::Waiting(sender) => {
                // Whoever has gone will send it again, which changes nothing.
                let _gone = sender.send(receipt);
            }
            Self::Message(message) => match receipt.refusals.first() {
                Some(refused) if receipt.accepted == 0 => message.refuse(&refused.reason),
                _ => message.accept(),
            },
        }
    }
}

/// What became of the records of one payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Records in it.
    pub received: u64,
    /// Of those: on disk now, or known already.
    pub accepted: u64,
    /// Of those: not stored.
    pub refused: u64,
    /// Why; the first hundred.
    pub refusals: Vec<Refused>,
}

/// One record that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Which record of the payload, from 0.
    pub index: u64,
    /// Why, in a sentence.
    pub reason: String,
    /// The beginning of the record.
    pub sample: String,
}

impl Receipt {
    pub(crate) fn accept(&mut self) {
        self.received += 1;
        self.accepted += 1;
    }

    pub(crate) fn refuse(&mut self, refusal: &Refusal, count: u64) {
        if self.refusals.len() < NAMED_MAX {
            self.refusals.push(Refused {
                index: self.received,
                reason: refusal.reason.clone(),
                sample: refusal.sample.clone(),
            });
        }
        self.received += count;
        self.refused += count;
    }
}

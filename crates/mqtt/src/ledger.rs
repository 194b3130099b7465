//! What is owed: acknowledgements of one connection in the order of its messages, and the packet
//! ids of QoS 2 that a session remembers.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Qos;
use crate::message::Verdict;

/// The acknowledgements that one connection owes. They go out in the order in which the messages
/// came [MQTT5 §4.6], so an answer waits for those before it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Book {
    /// The ticket of the first one owed.
    first: u64,
    owed: VecDeque<Owed>,
    broken: bool,
}

#[derive(Debug)]
struct Owed {
    packet: u16,
    qos: Qos,
    verdict: Option<Verdict>,
}

/// An answer that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The packet id.
    pub(crate) packet: u16,
    /// QoS 1 or 2.
    pub(crate) qos: Qos,
    /// What to say; never [`Verdict::Dropped`].
    pub(crate) verdict: Verdict,
}

/// A message was dropped unanswered: the connection has to end so that it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl Ledger {
    /// Enters a message; the ticket names it.
    pub(crate) fn owe(&self, packet: u16, qos: Qos, verdict: Option<Verdict>) -> u64 {
        let mut book = self.book.lock();
        let ticket = book.first + book.owed.len() as u64;
        let due = verdict.is_some();
        book.owed.push_back(Owed {
            packet,
            qos,
            verdict,
        });
        drop(book);
        if due {
            self.changed.notify_one();
        }
        ticket
    }

    /// Enters an answer.
    pub(crate) fn settle(&self, ticket: u64, verdict: Verdict) {
        let mut book = self.book.lock();
        let Some(place) = ticket.checked_sub(book.first) else {
            return;
        };
        book.broken |= verdict == Verdict::Dropped;
        if let Some(owed) = usize::try_from(place)
            .ok()
            .and_then(|place| book.owed.get_mut(place))
        {
            owed.verdict = Some(verdict);
        }
        let wake = place == 0 || book.broken;
        drop(book);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Takes what is due.
    pub(crate) fn take(&self, mut each: impl FnMut(Due)) -> Result<(), Broken> {
        let mut book = self.book.lock();
        while let Some(owed) = book.owed.pop_front() {
            match owed.verdict {
                Some(Verdict::Dropped) | None => {
                    book.owed.push_front(owed);
                    break;
                }
                Some(verdict) => {
                    book.first += 1;
                    each(Due {
                        packet: owed.packet,
                        qos: owed.qos,
                        verdict,
                    });
                }
            }
        }
        if book.broken { Err(Broken) } else { Ok(()) }
    }

    /// How many are owed.
    pub(crate) fn len(&self) -> usize {
        self.book.lock().owed.len()
    }

    /// Returns when the first one owed was answered, or one was dropped.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// What outlives a connection: the packet ids of QoS 2 that were not released [MQTT5 §4.1].
#[derive(Debug, Default)]
pub(crate) struct Session {
    received: Mutex<Received>,
}

#[derive(Debug, Default)]
struct Received {
    serial: u64,
    packets: HashMap<u16, State>,
}

#[derive(Debug)]
enum State {
    /// Handed over, not answered; the answer goes to this place of this ledger.
    Pending {
        serial: u64,
        ledger: Arc<Ledger>,
        ticket: u64,
    },
    /// Answered; the release is to come.
    Answered(Verdict),
}

impl Session {
    /// Enters a message of QoS 2 into the ledger. `Some(serial)`: it is new, hand it over; `None`:
    /// it came before.
    pub(crate) fn receive(&self, packet: u16, ledger: &Arc<Ledger>) -> Option<u64> {
        let mut received = self.received.lock();
        received.serial += 1;
        let new = received.serial;
        match received.packets.get_mut(&packet) {
            None => {
                let ticket = ledger.owe(packet, Qos::ExactlyOnce, None);
                let state = State::Pending {
                    serial: new,
                    ledger: Arc::clone(ledger),
                    ticket,
                };
                received.packets.insert(packet, state);
                Some(new)
            }
            Some(State::Pending {
                ledger: to, ticket, ..
            }) => {
                // The earlier place, if it is of this connection, waits with the new one: a client
                // sends again on a new connection only [MQTT5 §4.4].
                if !Arc::ptr_eq(to, ledger) {
                    *ticket = ledger.owe(packet, Qos::ExactlyOnce, None);
                    *to = Arc::clone(ledger);
                }
                None
            }
            Some(State::Answered(verdict)) => {
                ledger.owe(packet, Qos::ExactlyOnce, Some(verdict.clone()));
                None
            }
        }
    }

    /// Enters an answer.
    pub(crate) fn settle(&self, packet: u16, serial: u64, verdict: Verdict) {
        let mut received = self.received.lock();
        let (ledger, ticket) = match received.packets.get(&packet) {
            Some(State::Pending {
                serial: pending,
                ledger,
                ticket,
            }) if *pending == serial => (Arc::clone(ledger), *ticket),
            _ => return,
        };
        if verdict == Verdict::Dropped {
            received.packets.remove(&packet);
        } else {
            let answered = State::Answered(verdict.clone());
            received.packets.insert(packet, answered);
        }
        drop(received);
        ledger.settle(ticket, verdict);
    }

    /// The packet id is free again; whether it was known.
    pub(crate) fn release(&self, packet: u16) -> bool {
        self.received.lock().packets.remove(&packet).is_some()
    }
}

//! The worker of a feed: gathers what waits, decodes it, writes it as one batch, and only then
//! acknowledges each payload.

use std::sync::Arc;

use base::{Tasks, Time};
use ngsi::parse::Fragment;
use ports::{Clock, Entropy};
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::decode::{Codec, Payload, Piece, Refusal, cut};
use crate::health::Meter;
use crate::queue::{Item, Receipt};
use crate::write::Writer;

/// Payloads gathered into one batch.
const GATHERED_MAX: usize = 2_048;
/// Bytes of payloads after which a batch is full.
const GATHERED_BYTES: usize = 4 * 1024 * 1024;
/// Entities written at once, within what the door decides in one round.
const WRITTEN_AT_ONCE: usize = 4_096;
/// Records after which others on the same thread have their turn.
const TURN_RECORDS: usize = 256;
/// The first and the longest wait for a store that takes nothing.
const WAIT_MILLIS: (u64, u64) = (100, 30_000);

/// The worker of one feed.
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) items: mpsc::Receiver<Item>,
    pub(crate) codec: Codec,
    pub(crate) writer: Writer,
    pub(crate) meter: Arc<Meter>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Those of the node …
    pub(crate) tasks: Tasks,
    /// … and those of the feed: whichever stops ends the waiting for a store.
    pub(crate) own: Tasks,
}

/// One payload, decoded.
struct Opened {
    item: Item,
    pieces: Vec<Piece>,
}

impl Worker {
    /// Works until the node stops or nobody can send any more; what waits then is still written
    /// in the latter case.
    pub(crate) async fn work(mut self) {
        while let Some(items) = self.gather().await {
            let mut opened = Vec::with_capacity(items.len());
            let mut turn = 0;
            for item in items {
                let payload = Payload {
                    bytes: &item.payload,
                    topic: &item.topic,
                    form: item.form,
                    arrived: item.arrived,
                };
                let pieces = self.codec.decode(payload).await;
                let records = pieces.iter().map(Piece::records).sum();
                self.meter.received(records, item.payload.len());
                turn += pieces.len();
                opened.push(Opened { item, pieces });
                if turn >= TURN_RECORDS {
                    turn = 0;
                    tokio::task::yield_now().await;
                }
            }
            self.store(opened).await;
        }
    }

    async fn gather(&mut self) -> Option<Vec<Item>> {
        let tasks = self.tasks.clone();
        let first = tokio::select! {
            biased;
            () = tasks.stopped() => None,
            first = self.items.recv() => first,
        }?;
        let mut bytes = first.payload.len();
        let mut items = vec![first];
        while items.len() < GATHERED_MAX && bytes < GATHERED_BYTES {
            let Ok(item) = self.items.try_recv() else {
                break;
            };
            bytes += item.payload.len();
            items.push(item);
        }
        Some(items)
    }

    /// Writes what was decoded and gives every payload its receipt.
    async fn store(&self, opened: Vec<Opened>) {
        let mut fragments = Vec::new();
        let mut times = Vec::new();
        let mut shells = Vec::with_capacity(opened.len());
        for Opened { item, pieces } in opened {
            let mut fates = Vec::with_capacity(pieces.len());
            for piece in pieces {
                fates.push(match piece {
                    Piece::Made {
                        fragment,
                        at,
                        without,
                    } => {
                        fragments.push(fragment);
                        times.push(at);
                        Fate::Written(without)
                    }
                    Piece::Refused(refusal) => Fate::Refused(refusal, 1),
                    Piece::More(count) => {
                        let reason = "refused for reasons like those before";
                        let refusal = Refusal::new("payload", reason, String::new());
                        Fate::Refused(refusal, count)
                    }
                });
            }
            shells.push((item, fates));
        }
        let mut results = Vec::with_capacity(fragments.len());
        for part in fragments.chunks(WRITTEN_AT_ONCE) {
            let gone = || shells.iter().all(|(item, _)| item.answer.is_gone());
            let Some(written) = self.write(part, &gone).await else {
                break;
            };
            results.extend(written.into_iter().map(Some));
        }
        results.resize(fragments.len(), None);
        let outcomes = fragments.into_iter().zip(times).zip(results);
        self.answer(
            shells,
            outcomes.map(|((fragment, at), result)| (fragment, at, result)),
        );
    }

    /// Writes a part, and tries again for as long as the store takes nothing. `None`: given up.
    async fn write(
        &self,
        part: &[Fragment],
        gone: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<Result<(), String>>> {
        let mut backoff = Backoff::new(WAIT_MILLIS.0, WAIT_MILLIS.1);
        loop {
            match self.writer.write(part).await {
                Ok(results) => {
                    self.meter.works();
                    let said = |error: broker::BrokerError| error.to_string();
                    return Some(results.into_iter().map(|r| r.map_err(said)).collect());
                }
                // The door closes when the node stops; who sent it sends it again.
                Err(_closed) if self.tasks.is_stopping() => return None,
                Err(error) => {
                    let now = self.clock.now();
                    tracing::warn!(feed = self.name, %error, "a feed waits for the store");
                    self.meter
                        .broken(now, format!("the store takes nothing: {error}"));
                    let again = backoff.next(now, &*self.entropy);
                    tokio::select! {
                        biased;
                        () = self.tasks.stopped() => return None,
                        () = self.own.stopped() => return None,
                        () = self.clock.sleep_until(again) => {}
                    }
                    if gone() {
                        return None;
                    }
                }
            }
        }
    }

    /// Counts what became of all records, and gives the receipts. A payload of which a record is
    /// neither written nor refused (`None`) gets none: whoever sent it sends it again.
    fn answer(
        &self,
        shells: Vec<(Item, Vec<Fate>)>,
        mut outcomes: impl Iterator<Item = (Fragment, Time, Option<Result<(), String>>)>,
    ) {
        let now = self.clock.now();
        let (mut accepted, mut newest) = (0, None);
        let mut receipts = Vec::with_capacity(shells.len());
        for (item, fates) in shells {
            let mut receipt = Receipt::default();
            let mut is_whole = true;
            for fate in fates {
                match fate {
                    Fate::Refused(refusal, count) => {
                        receipt.refuse(&refusal, count);
                        self.meter.refused(now, &refusal, count);
                    }
                    Fate::Written(without) => match outcomes.next() {
                        Some((fragment, at, Some(Ok(())))) => {
                            receipt.accept();
                            accepted += 1;
                            newest = newest.max(Some(at));
                            for reason in without {
                                let id = fragment.id.as_deref().unwrap_or_default();
                                let reason = format!("{reason}; taken without");
                                self.meter.without(now, reason, cut(id));
                            }
                        }
                        Some((fragment, _, Some(Err(reason)))) => {
                            let id = fragment.id.as_deref().unwrap_or_default();
                            let refusal = Refusal::new("entity", reason, cut(id));
                            receipt.refuse(&refusal, 1);
                            self.meter.refused(now, &refusal, 1);
                        }
                        Some((fragment, _, None)) => {
                            let id = fragment.id.as_deref().unwrap_or_default();
                            let reason = "given up before the store took it; not acknowledged";
                            let refusal = Refusal::new("unavailable", reason, cut(id));
                            self.meter.refused(now, &refusal, 1);
                            is_whole = false;
                        }
                        None => is_whole = false,
                    },
                }
            }
            if is_whole {
                receipts.push((item, receipt));
            }
        }
        if accepted > 0 {
            self.meter.accepted(now, accepted, newest);
        }
        // Only now, so that whoever has a receipt finds it counted.
        for (item, receipt) in receipts {
            drop(item.room);
            item.answer.give(receipt);
        }
    }
}

/// What becomes of a record.
enum Fate {
    /// It is among those written; what could not be read of it.
    Written(Vec<String>),
    /// It, and as many like it, are not stored.
    Refused(Refusal, u64),
}

impl Piece {
    fn records(&self) -> u64 {
        match self {
            Self::Made { .. } | Self::Refused(_) => 1,
            Self::More(count) => *count,
        }
    }
}

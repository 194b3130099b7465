//! The feeds of a node: kept in the store, running here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{Tasks, Time};
use broker::{Broker, Contexts};
use bytes::Bytes;
use parking_lot::RwLock;
use ports::{Clock, Entropy, Outbound};
use tokio::sync::{Semaphore, mpsc, oneshot};
use trust::Call;

use crate::decode::{Codec, Form};
use crate::definition::Definition;
use crate::error::FeedError;
use crate::health::{Health, Meter};
use crate::kept::{self, Kept};
use crate::queue::{Answer, Item, Receipt};
use crate::sources::{self, Needs};
use crate::worker::Worker;
use crate::write::Writer;

/// Feeds of one node: each has a worker and a queue.
pub const FEEDS_MAX: usize = 1_000;
/// Payloads that wait in the queue of one feed.
const QUEUE_MAX: usize = 4_096;
/// Bytes of payloads brought over HTTP that wait in the queue of one feed.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes for which one permit of the room stands.
const PERMIT_BYTES: usize = 1_024;
/// How far ahead of the clock a reading may be unless the definition says otherwise: a clock that
/// goes wrong by more would keep later readings from being current.
const AHEAD_MAX_SECONDS: u32 = 86_400;

/// What feeds are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The door.
    pub broker: Arc<Broker>,
    /// For payloads of NGSI-LD.
    pub contexts: Arc<Contexts>,
    /// For feeds that ask others.
    pub outbound: Arc<dyn Outbound>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chance, for waits.
    pub entropy: Arc<dyn Entropy>,
    /// The tasks of the node.
    pub tasks: Tasks,
}

/// The feeds of a node.
#[derive(Debug)]
pub struct Feeds {
    pub(crate) parts: Parts,
    running: RwLock<BTreeMap<String, Arc<Feed>>>,
    /// Held while a definition is written, so that the store and what runs stay the same.
    writing: tokio::sync::Mutex<()>,
}

/// One feed that runs.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) name: String,
    pub(crate) definition: Definition,
    pub(crate) created_at: Time,
    pub(crate) modified_at: Time,
    pub(crate) meter: Arc<Meter>,
    filter: Option<mqtt::Filter>,
    queue: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    /// The tasks of this feed alone.
    own: Tasks,
    /// Whether it is taken away, or asks for something else from now on.
    leaves: AtomicBool,
}

impl Feeds {
    /// Reads the definitions and starts the feeds. One whose definition cannot be read any more is
    /// left out, and the log says so.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, FeedError> {
        let kept = kept::all(&**parts.broker.store()).await?;
        let feeds = Arc::new(Self {
            parts,
            running: RwLock::default(),
            writing: tokio::sync::Mutex::default(),
        });
        for (name, kept) in kept {
            let run = kept.and_then(|kept| feeds.run(&name, kept));
            match run {
                Ok(feed) => {
                    feeds.running.write().insert(name, Arc::clone(&feed));
                    feeds.start_source(&feed);
                }
                Err(error) => tracing::error!(feed = name, %error, "a feed cannot be started"),
            }
        }
        Ok(feeds)
    }

    /// Keeps a definition under a name and runs it in the place of the one before. Returns whether
    /// the feed is new. Secrets that are only shown as `***` stay what they were.
    pub async fn put(&self, name: &str, definition: Definition) -> Result<bool, FeedError> {
        if !is_name(name) {
            return Err(FeedError::Name(name.chars().take(64).collect()));
        }
        let _one_at_a_time = self.writing.lock().await;
        let before = self.get(name).ok();
        if before.is_none() && self.running.read().len() >= FEEDS_MAX {
            return Err(FeedError::TooMany);
        }
        let known = before.as_ref().map(|feed| &feed.definition);
        let definition = definition.with_secrets_of(known)?;
        let now = self.parts.clock.now();
        let kept = Kept {
            definition,
            created_at: before.as_ref().map_or(now, |feed| feed.created_at),
            modified_at: now,
        };
        kept::put(&**self.parts.broker.store(), name, Some(&kept), now).await?;
        let feed = self.run(name, kept)?;
        self.running
            .write()
            .insert(name.to_owned(), Arc::clone(&feed));
        // Two clients of one name would drive each other out.
        if let Some(before) = &before {
            before
                .stop(
                    !before
                        .definition
                        .source
                        .asks_the_same(&feed.definition.source),
                )
                .await;
        }
        self.start_source(&feed);
        Ok(before.is_none())
    }

    /// Takes a feed away; what it stored stays.
    pub async fn remove(&self, name: &str) -> Result<(), FeedError> {
        let _one_at_a_time = self.writing.lock().await;
        let feed = self.get(name)?;
        kept::put(
            &**self.parts.broker.store(),
            name,
            None,
            self.parts.clock.now(),
        )
        .await?;
        self.running.write().remove(name);
        feed.stop(true).await;
        Ok(())
    }

    /// How every feed is, by name.
    pub fn health(&self) -> Vec<Health> {
        let now = self.parts.clock.now();
        let running = self.running.read();
        running.values().map(|feed| feed.health(now)).collect()
    }

    /// Stores a payload, and returns when it is on disk. `topic` is where it would have been
    /// published; mappings with `{topic.N}` need it.
    pub async fn push(
        &self,
        name: &str,
        topic: Option<&str>,
        payload: Bytes,
    ) -> Result<Receipt, FeedError> {
        self.push_as(name, topic, None, payload).await
    }

    /// The same for a payload that is written otherwise than the definition says.
    pub async fn push_as(
        &self,
        name: &str,
        topic: Option<&str>,
        form: Option<Form>,
        payload: Bytes,
    ) -> Result<Receipt, FeedError> {
        let feed = self.get(name)?;
        let (mut item, receipt) = feed.item(payload, self.parts.clock.now()).await;
        topic.unwrap_or_default().clone_into(&mut item.topic);
        item.form = form;
        feed.send(item).await?;
        receipt.await.map_err(|_dropped| {
            FeedError::Unavailable("the feed stopped, or the store takes nothing".to_owned())
        })
    }

    /// Takes a message of a device for the feed whose topic filter means it (the first by name if
    /// there are several). The message is acknowledged when it is on disk. Returns when there is
    /// room for the next one.
    pub async fn message(&self, message: mqtt::Message) {
        let feed = {
            let running = self.running.read();
            let mut feeds = running.values();
            feeds.find(|feed| feed.takes(&message.topic)).cloned()
        };
        let Some(feed) = feed else {
            tracing::debug!(topic = message.topic, "no feed takes a message");
            return message.refuse("no feed of this node takes this topic");
        };
        // A feed that has just been stopped drops it unanswered: it comes again.
        let _sent = feed.message(message, self.parts.clock.now()).await;
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Feed>, FeedError> {
        let unknown = || FeedError::Unknown(name.chars().take(64).collect());
        self.running.read().get(name).cloned().ok_or_else(unknown)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Feed>> {
        self.running.read().values().cloned().collect()
    }

    pub(crate) fn codec(&self, name: &str, definition: &Definition) -> Result<Codec, FeedError> {
        let source = &definition.source;
        let ahead = match source.ahead_max_seconds {
            None if source.simulated => None,
            None => Some(AHEAD_MAX_SECONDS),
            said => said,
        };
        Ok(Codec {
            decoder: Arc::new(definition.decoder(name)?),
            contexts: Arc::clone(&self.parts.contexts),
            tenant: source.tenant(),
            simulated: source.simulated,
            ahead_max_micros: ahead.map(|seconds| i64::from(seconds) * 1_000_000),
        })
    }

    /// A feed with its worker, which does not yet ask anybody for payloads.
    fn run(&self, name: &str, kept: Kept) -> Result<Arc<Feed>, FeedError> {
        let parts = &self.parts;
        let codec = self.codec(name, &kept.definition)?;
        let (queue, items) = mpsc::channel(QUEUE_MAX);
        let own = Tasks::new();
        let feed = Arc::new(Feed {
            name: name.to_owned(),
            filter: kept.definition.source.filter(),
            definition: kept.definition,
            created_at: kept.created_at,
            modified_at: kept.modified_at,
            meter: Arc::new(Meter::new(parts.clock.now())),
            queue,
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX / PERMIT_BYTES)),
            own: own.clone(),
            leaves: AtomicBool::new(false),
        });
        if !feed.definition.source.enabled {
            return Ok(feed);
        }
        let worker = Worker {
            name: name.to_owned(),
            items,
            writer: Writer {
                broker: Arc::clone(&parts.broker),
                call: Call::of_the_node(codec.tenant.clone()),
            },
            codec,
            meter: Arc::clone(&feed.meter),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
            tasks: parts.tasks.clone(),
            own,
        };
        parts.tasks.spawn("feed", worker.work());
        Ok(feed)
    }

    /// Starts what brings the payloads of a feed; it ends with the feed or the node.
    fn start_source(&self, feed: &Arc<Feed>) {
        if !feed.definition.source.enabled {
            return;
        }
        let (parts, own) = (&self.parts, feed.own.clone());
        let needs = Needs {
            outbound: Arc::clone(&parts.outbound),
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
        };
        sources::start(feed, &needs, &own);
        let node = parts.tasks.clone();
        parts.tasks.spawn("feed source", async move {
            tokio::select! {
                biased;
                () = node.stopped() => own.stop(),
                () = own.stopped() => {}
            }
            own.ended().await;
        });
    }
}

impl Feed {
    pub(crate) fn health(&self, now: Time) -> Health {
        let queued = self.queue.max_capacity() - self.queue.capacity();
        self.meter.health(&self.name, &self.definition, now, queued)
    }

    fn takes(&self, topic: &str) -> bool {
        self.definition.source.enabled
            && self
                .filter
                .as_ref()
                .is_some_and(|filter| filter.matches(topic))
    }

    /// An item that takes its room in the queue, and what tells when it is stored.
    pub(crate) async fn item(
        &self,
        payload: Bytes,
        now: Time,
    ) -> (Item, oneshot::Receiver<Receipt>) {
        let permits = payload
            .len()
            .div_ceil(PERMIT_BYTES)
            .min(QUEUE_BYTES_MAX / PERMIT_BYTES);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let room = Arc::clone(&self.room)
            .acquire_many_owned(permits)
            .await
            .ok();
        let (sender, receiver) = oneshot::channel();
        let item = Item {
            topic: String::new(),
            payload,
            form: None,
            arrived: now,
            answer: Answer::Waiting(sender),
            room,
        };
        (item, receiver)
    }

    /// Puts an item into the queue when there is room.
    pub(crate) async fn send(&self, item: Item) -> Result<(), FeedError> {
        if !self.definition.source.enabled {
            return Err(FeedError::Disabled(self.name.clone()));
        }
        let sent = self.queue.send(item).await;
        sent.map_err(|_closed| FeedError::Unavailable("the node is stopping".to_owned()))
    }

    /// Puts a payload into the queue and waits until it is stored.
    pub(crate) async fn bring(&self, payload: Bytes, now: Time) -> Result<Receipt, FeedError> {
        let (item, receipt) = self.item(payload, now).await;
        self.send(item).await?;
        let lost = || FeedError::Unavailable("the feed stopped".to_owned());
        receipt.await.map_err(|_dropped| lost())
    }

    /// Puts a message into the queue.
    pub(crate) async fn message(&self, message: mqtt::Message, now: Time) -> Result<(), FeedError> {
        let item = Item {
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            form: None,
            arrived: now,
            answer: Answer::Message(message),
            room: None,
        };
        self.send(item).await
    }

    /// Whether what brings payloads ends only to begin anew: with another definition that asks for
    /// the same, or when the node is back.
    pub(crate) fn comes_back(&self) -> bool {
        !self.leaves.load(Ordering::Acquire)
    }

    /// Ends what brings payloads; what is in the queue is still stored.
    async fn stop(&self, leaves: bool) {
        self.leaves.store(leaves, Ordering::Release);
        self.own.stop();
        self.own.ended().await;
    }
}

/// Whether a feed may be called so: its name stands in paths, ids and logs.
pub(crate) fn is_name(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    // `/feeds/try` is the dry run.
    (1..=64).contains(&name.len()) && name.bytes().all(fits) && name != "try"
}

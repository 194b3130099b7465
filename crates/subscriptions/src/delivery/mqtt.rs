//! Notifications by MQTT [CIM-009 §7]: one connection for each broker, user and version, kept as
//! long as it is used.
//!
//! Limit: a connection begins with a clean session, so a message of QoS 2 whose connection breaks is
//! sent again on the next one, and may come twice.

use std::fmt::Write as _;
use std::sync::Arc;

use base::Time;
use bytes::Bytes;
use hashbrown::HashMap;
use mqtt::{ClientSettings, Fault, Publisher, Qos};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::model::Subscription;

use super::Means;
use super::lane::LaneKey;
use super::letter::Letter;
use super::send::Outcome;
use super::topic::{Place, Target};

/// Brokers that are connected at once.
const BROKERS_MAX: usize = 256;
/// Messages that wait for a connection.
const WAITING_MAX: usize = 256;
/// Messages that are published together.
const TOGETHER_MAX: usize = 64;
/// How long a connection that is not used is kept, in microseconds.
const IDLE_MICROS: i64 = 60_000_000;

/// The connections to brokers.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    known: Arc<Mutex<HashMap<Place, mpsc::Sender<Job>>>>,
}

/// A message that is to be published.
#[derive(Debug)]
struct Job {
    topic: String,
    payload: Bytes,
    qos: Qos,
    deadline: Time,
    answer: oneshot::Sender<Outcome>,
}

impl Brokers {
    /// How many are connected, or about to be.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.known.lock().len()
    }

    /// Publishes a letter to the broker of its subscription.
    pub(super) async fn publish(
        &self,
        means: &Means,
        (whose, to): (&LaneKey, &Subscription),
        letter: &Letter,
        deadline: Time,
    ) -> Outcome {
        let target = match Target::of(&to.notification.endpoint) {
            Ok(target) => target,
            Err(reason) => return Outcome::Refused(reason),
        };
        let Some(broker) = self.broker(means, target.place) else {
            return Outcome::Failed(format!("{BROKERS_MAX} brokers are connected already"));
        };
        let (answer, answered) = oneshot::channel();
        let job = Job {
            topic: target.topic,
            payload: payload(whose, to, letter),
            qos: target.qos,
            deadline,
            answer,
        };
        let late = || Outcome::Failed("the broker did not answer in time".to_owned());
        let publishing = async {
            if broker.send(job).await.is_err() {
                return Outcome::Failed("the connection was just closed".to_owned());
            }
            answered.await.unwrap_or_else(|_ended| late())
        };
        tokio::select! {
            biased;
            outcome = publishing => outcome,
            () = means.clock.sleep_until(deadline) => late(),
        }
    }

    /// The task of a broker; it is begun if there is none.
    fn broker(&self, means: &Means, place: Place) -> Option<mpsc::Sender<Job>> {
        let mut known = self.known.lock();
        if let Some(broker) = known.get(&place)
            && !broker.is_closed()
        {
            return Some(broker.clone());
        }
        if known.len() >= BROKERS_MAX {
            return None;
        }
        let (sender, jobs) = mpsc::channel(WAITING_MAX);
        known.insert(place.clone(), sender.clone());
        drop(known);
        let connection = Connection {
            known: Arc::clone(&self.known),
            means: means.clone(),
            place,
            publisher: None,
        };
        means
            .tasks
            .spawn("a broker of notifications", connection.run(jobs));
        Some(sender)
    }
}

/// What is published [CIM-009 §7.2]: MQTT 3.1.1 has no headers, so what would be one stands beside
/// the notification.
fn payload(lane: &LaneKey, to: &Subscription, letter: &Letter) -> Bytes {
    let mut metadata = Map::new();
    for (key, value) in &to.notification.endpoint.receiver_info {
        metadata.insert(key.clone(), json!(value));
    }
    let tenant = (!lane.tenant.is_default()).then(|| lane.tenant.as_str());
    for (key, value) in [
        ("Content-Type", Some(letter.content_type.as_str())),
        ("Link", letter.link.as_deref()),
        ("NGSILD-Tenant", tenant),
    ] {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), json!(value));
        }
    }
    let mut text = String::with_capacity(letter.body.len() + 256);
    // Writing to a String cannot fail; a notification is JSON and so UTF-8.
    let _infallible = write!(
        text,
        "{{\"metadata\":{},\"body\":{}}}",
        Value::Object(metadata),
        String::from_utf8_lossy(&letter.body),
    );
    Bytes::from(text)
}

/// A connection to a broker, made when there is something to publish.
struct Connection {
    known: Arc<Mutex<HashMap<Place, mpsc::Sender<Job>>>>,
    means: Means,
    place: Place,
    publisher: Option<Publisher>,
}

impl Connection {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let idle = self.means.clock.now().plus_micros(IDLE_MICROS);
            tokio::select! {
                biased;
                () = self.means.tasks.stopped() => break,
                // Before what is to be published: a broker that has gone takes nothing.
                fault = ended(&mut self.publisher) => {
                    tracing::debug!(broker = self.place.url, %fault, "a broker ended the connection");
                    self.publisher = None;
                }
                job = jobs.recv() => match job {
                    Some(job) => self.bring(job, &mut jobs).await,
                    None => break,
                },
                () = self.means.clock.sleep_until(idle) => {
                    let mut known = self.known.lock();
                    if jobs.is_empty() {
                        known.remove(&self.place);
                        break;
                    }
                }
            }
        }
        jobs.close();
        if let Some(publisher) = self.publisher.take() {
            publisher.disconnect().await;
        }
    }

    /// Publishes a job, and others that wait and want the same.
    async fn bring(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) {
        let mut gathered = vec![first];
        while gathered.len() < TOGETHER_MAX
            && let Ok(job) = jobs.try_recv()
        {
            gathered.push(job);
        }
        // Nobody waits any more for an answer to what is late.
        gathered.retain(|job| !job.answer.is_closed());
        while let Some(qos) = gathered.first().map(|job| job.qos) {
            let others = gathered.iter().position(|job| job.qos != qos);
            let rest = others.map(|at| gathered.split_off(at)).unwrap_or_default();
            self.publish(gathered, qos).await;
            gathered = rest;
        }
    }

    async fn publish(&mut self, jobs: Vec<Job>, qos: Qos) {
        let mut answers = Vec::with_capacity(jobs.len());
        let mut messages = Vec::with_capacity(jobs.len());
        let mut deadline = Time::MIN;
        for job in jobs {
            deadline = deadline.max(job.deadline);
            answers.push(job.answer);
            messages.push((job.topic, job.payload));
        }
        let clock = Arc::clone(&self.means.clock);
        let published = tokio::select! {
            biased;
            published = self.published(&messages, qos) => published,
            () = clock.sleep_until(deadline) => Err(Fault::ConnectTimeout),
        };
        match published {
            Ok(unwanted) => {
                for (place, answer) in answers.into_iter().enumerate() {
                    let refused = unwanted.iter().find(|one| one.place == place);
                    let outcome = refused.map_or(Outcome::Told, |one| {
                        let (code, reason) = (one.code, &one.reason);
                        Outcome::Refused(format!("the broker refused it (0x{code:02x}) {reason}"))
                    });
                    // Whoever asked may have given up.
                    let _gone = answer.send(outcome).is_err();
                }
            }
            Err(fault) => {
                self.publisher = None;
                for answer in answers {
                    let _gone = answer.send(failed(&fault)).is_err();
                }
            }
        }
    }

    async fn published(
        &mut self,
        messages: &[(String, Bytes)],
        qos: Qos,
    ) -> Result<Vec<mqtt::NotWanted>, Fault> {
        let mut publisher = match self.publisher.take() {
            Some(publisher) => publisher,
            None => Publisher::connect(&self.settings()).await?,
        };
        let unwanted = publisher.publish(messages, qos).await?;
        self.publisher = Some(publisher);
        Ok(unwanted)
    }

    fn settings(&self) -> ClientSettings {
        let (clock, entropy) = (&self.means.clock, &self.means.entropy);
        let mut random = [0_u8; 8];
        entropy.fill(&mut random);
        let client_id = format!("chorsu-{:016x}", u64::from_be_bytes(random));
        let url = &self.place.url;
        let mut settings =
            ClientSettings::new(Arc::clone(clock), Arc::clone(entropy), url, &client_id);
        settings.version = self.place.version();
        settings.user.clone_from(&self.place.user);
        settings.password.clone_from(&self.place.password);
        settings.reach = Some(Arc::clone(&self.means.outbound));
        settings
    }
}

/// Why the broker ended the connection; never, if there is none.
async fn ended(publisher: &mut Option<Publisher>) -> Fault {
    match publisher {
        Some(publisher) => publisher.ended().await,
        None => std::future::pending().await,
    }
}

/// What a fault means for what was to be published: what the broker may mend is tried again.
fn failed(fault: &Fault) -> Outcome {
    match fault {
        Fault::AddressForbidden(_) | Fault::SettingsInvalid(_) => {
            Outcome::Refused(fault.to_string())
        }
        Fault::ConnectTimeout => Outcome::Failed("the broker did not answer in time".to_owned()),
        _ => Outcome::Failed(format!("the broker: {fault}")),
    }
}

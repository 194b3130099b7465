//! What is put aside: letters in the store, so that they outlive the node.
//!
//! A letter is written when it is dead, and when it has waited for long or the node stops; then the
//! change that it follows from need not be looked at again after a restart.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::{Name, Tenant, Time};
use bytes::Bytes;
use hashbrown::HashMap;
use ports::{Act, Batch, Doc, Expect, StoreError};
use serde_json::{Map, Value, json};

use crate::model::Kind;

use super::Outbox;
use super::dead::Dead;
use super::lane::{Lane, LaneKey, State};
use super::letter::{Letter, Opened};

/// How often is looked for what is to be written, in microseconds.
const BEAT_MICROS: i64 = 1_000_000;
/// A letter that has waited for so long is written, in microseconds.
const LONG_MICROS: i64 = 15_000_000;
/// Acts and bytes of one batch.
const BATCH_MAX: (usize, usize) = (1_000, 4 * 1024 * 1024);
/// Letters that are put aside when the node stops; the changes behind others are looked at again.
const STOP_MAX: usize = 20_000;
/// Docs that are read at once.
const PAGE: usize = 1_000;
/// The families of dead letters.
const KINDS: [(Kind, &str); 2] = [
    (Kind::Entities, "dead-letter"),
    (Kind::Sources, "source-dead-letter"),
];

/// The family of the letters of a kind of subscription.
pub(super) fn family(kind: Kind) -> Name {
    let mut kinds = KINDS.iter();
    let found = kinds.find(|(of, _)| *of == kind);
    Name::from(found.map_or("dead-letter", |(_, family)| *family))
}

/// Letters of a subscription stand together, in their order.
pub(super) fn doc_id(subscription: &Name, key: u64) -> Name {
    Name::from(format!("{subscription}#{key:020}"))
}

/// What is to be written of one lane.
struct Page {
    lane: Arc<Lane>,
    acts: Vec<Act>,
    /// Which are written, and whether as dead ones.
    written: Vec<(u64, bool)>,
    erased: Vec<u64>,
}

impl Outbox {
    /// Reads what was put aside.
    pub(super) async fn read_aside(&self) -> Result<(), StoreError> {
        let store = &self.means.store;
        for tenant in store.tenants().await? {
            for (kind, family) in KINDS {
                let mut after: Option<Name> = None;
                loop {
                    let docs = store.docs(&tenant, family, after.as_deref(), PAGE).await?;
                    let Some(last) = docs.last() else { break };
                    after = Some(last.id.clone());
                    for doc in &docs {
                        self.read_one(&tenant, kind, doc);
                    }
                }
            }
        }
        Ok(())
    }

    fn read_one(&self, tenant: &Tenant, kind: Kind, doc: &Doc) {
        let read = doc.id.rsplit_once('#').and_then(|(id, key)| {
            let key: u64 = key.parse().ok()?;
            Some((id, letter(key, &doc.body)?))
        });
        let Some((id, letter)) = read else {
            tracing::warn!(id = %doc.id, "a dead letter cannot be read; it is passed over");
            return;
        };
        // Keys go on behind those that are there, whatever the clock says.
        let next = letter.key.saturating_add(1);
        self.next_key.fetch_max(next, Ordering::Relaxed);
        let lane = self.lane(LaneKey {
            tenant: tenant.clone(),
            kind,
            id: Name::from(id),
        });
        let text = |key: &str| doc.body.get(key).and_then(Value::as_str);
        let died_at = text("diedAt").and_then(|text| Time::parse(text).ok());
        let now = self.means.clock.now();
        let became = lane.change(|state| match died_at {
            None => state.add(Arc::new(letter), now, true),
            Some(died_at) => {
                let attempts = doc.body.get("attempts").and_then(Value::as_u64);
                let dead = Dead {
                    about: letter.about.clone(),
                    bytes: letter.bytes(),
                    at: letter.at,
                    died_at,
                    attempts: attempts.and_then(|n| n.try_into().ok()).unwrap_or(0),
                    reason: text("reason").unwrap_or_default().to_owned(),
                    letter: None,
                    is_stored: true,
                };
                state.entomb(letter.key, dead);
            }
        });
        self.note_bytes(&became);
        if became.is_unsaved {
            self.unsaved.lock().push(lane);
        }
    }

    /// Writes and erases letters until the node stops.
    pub(super) async fn keep_aside(&self) {
        let clock = &self.means.clock;
        loop {
            let next = clock.now().plus_micros(BEAT_MICROS);
            let is_stopping = tokio::select! {
                biased;
                () = self.means.tasks.stopped() => true,
                () = clock.sleep_until(next) => false,
            };
            if is_stopping {
                break;
            }
            self.find_old(false);
            self.save_all().await;
            self.count();
        }
        self.find_old(true);
        let mut rounds = 0;
        while self.save_all().await && rounds < STOP_MAX / BATCH_MAX.0 {
            self.find_old(true);
            rounds += 1;
        }
        self.at_rest.send_replace(true);
    }

    /// Writes and erases what is to be; whether there was something, and it could be.
    async fn save_all(&self) -> bool {
        let lanes = std::mem::take(&mut *self.unsaved.lock());
        let is_busy = !lanes.is_empty();
        match self.save(lanes).await {
            Ok(()) => is_busy,
            Err(error) => {
                tracing::warn!(%error, "dead letters cannot be written; they wait in memory");
                false
            }
        }
    }

    /// Finds letters that have waited for long, and when the node stops, all that wait.
    fn find_old(&self, all: bool) {
        let now = self.means.clock.now();
        let since = if all {
            Time::MAX
        } else {
            now.plus_micros(-LONG_MICROS)
        };
        let mut left = STOP_MAX;
        for lane in self.lanes.read().values() {
            let mut state = lane.state.lock();
            if state
                .recent
                .as_ref()
                .is_some_and(|recent| recent.is_over(now))
            {
                state.recent = None;
            }
            let first = state.waiting.values().find(|one| !one.is_stored);
            if first.is_none_or(|one| one.began_at() > since) {
                continue;
            }
            left = left.saturating_sub(state.waiting.len());
            if all && left == 0 {
                tracing::info!(
                    "many notifications wait; what they tell is looked at again after the start"
                );
                return;
            }
            state.write_until = Some(since);
            if !state.is_unsaved {
                state.is_unsaved = true;
                drop(state);
                self.unsaved.lock().push(Arc::clone(lane));
            }
        }
    }

    /// Writes and erases what is to be, lane by lane, in batches of one tenant.
    async fn save(&self, lanes: Vec<Arc<Lane>>) -> Result<(), StoreError> {
        let mut pages: HashMap<Tenant, Vec<Page>> = HashMap::new();
        for lane in lanes {
            let page = page(&lane);
            let tenant = lane.key.tenant.clone();
            pages.entry(tenant).or_default().push(page);
        }
        let mut failed = None;
        for (tenant, pages) in pages {
            for pages in batches(pages) {
                if let Err(error) = self.commit(&tenant, pages).await {
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn commit(&self, tenant: &Tenant, mut pages: Vec<Page>) -> Result<(), StoreError> {
        let acts: Vec<Act> = pages
            .iter_mut()
            .flat_map(|page| page.acts.drain(..))
            .collect();
        let committed = if acts.is_empty() {
            Ok(())
        } else {
            let batch = Batch {
                tenant: tenant.clone(),
                time: self.means.clock.now(),
                acts,
                cursor: None,
            };
            self.means.store.commit(batch).await.map(|_committed| ())
        };
        for page in pages {
            let mut state = page.lane.state.lock();
            state.is_unsaved = false;
            match &committed {
                Ok(()) => {
                    for (key, as_dead) in page.written {
                        state.note_stored(key, as_dead);
                    }
                }
                Err(_) => state.erase.extend(page.erased),
            }
            let is_over = state.is_gone && state.waiting.is_empty();
            drop(state);
            let became = page.lane.change(|_state| {});
            if became.is_unsaved {
                self.unsaved.lock().push(page.lane);
            } else if is_over {
                self.lanes.write().remove(&page.lane.key);
            }
        }
        committed
    }
}

/// Pages together in batches of a bounded size.
fn batches(pages: Vec<Page>) -> Vec<Vec<Page>> {
    let mut batches: Vec<Vec<Page>> = Vec::new();
    let mut acts = usize::MAX;
    for page in pages {
        if acts.saturating_add(page.acts.len()) > BATCH_MAX.0 {
            batches.push(Vec::new());
            acts = 0;
        }
        acts += page.acts.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(page);
        }
    }
    batches
}

/// What is to be written and erased of a lane, as far as one batch may hold it.
fn page(lane: &Arc<Lane>) -> Page {
    let mut state = lane.state.lock();
    let (kind, id) = (family(lane.key.kind), &lane.key.id);
    let act = |key: u64, body: Option<Arc<Value>>| Act::Doc {
        kind: kind.clone(),
        id: doc_id(id, key),
        expect: Expect::Any,
        body,
    };
    let erase = std::mem::take(&mut state.erase);
    let mut acts: Vec<Act> = erase.iter().map(|key| act(*key, None)).collect();
    let mut written = Vec::new();
    let mut bytes = 0;
    for (key, as_dead, body, size) in unwritten(&state) {
        if acts.len() >= BATCH_MAX.0 || bytes > BATCH_MAX.1 {
            break;
        }
        bytes += size;
        written.push((key, as_dead));
        acts.push(act(key, Some(Arc::new(body))));
    }
    drop(state);
    Page {
        lane: Arc::clone(lane),
        acts,
        written,
        erased: erase,
    }
}

/// The docs of the letters that are to be written.
fn unwritten(state: &State) -> impl Iterator<Item = (u64, bool, Value, usize)> {
    let until = state.write_until;
    let dead = state.dead.iter().filter_map(|(key, dead)| {
        let letter = dead.letter.as_ref()?;
        let mut body = said(letter);
        body.insert("diedAt".to_owned(), json!(dead.died_at.to_string()));
        body.insert("attempts".to_owned(), json!(dead.attempts));
        body.insert("reason".to_owned(), json!(dead.reason));
        Some((*key, true, Value::Object(body), dead.bytes))
    });
    let waiting = state.waiting.iter().filter_map(move |(key, one)| {
        let is_old = !one.is_stored && until.is_some_and(|until| one.began_at() <= until);
        is_old.then(|| {
            (
                *key,
                false,
                Value::Object(said(&one.letter)),
                one.letter.bytes(),
            )
        })
    });
    dead.chain(waiting)
}

/// What is written of a letter.
fn said(letter: &Letter) -> Map<String, Value> {
    let mut body = Map::new();
    let about: Vec<&str> = letter.about.iter().map(Name::as_str).collect();
    body.insert("about".to_owned(), json!(about));
    body.insert("at".to_owned(), json!(letter.at.to_string()));
    body.insert("contentType".to_owned(), json!(letter.content_type));
    if let Some(link) = &letter.link {
        body.insert("link".to_owned(), json!(link));
    }
    // A notification is JSON and so UTF-8.
    let text = String::from_utf8_lossy(&letter.body);
    body.insert("body".to_owned(), json!(text));
    body
}

/// The letter that was written.
pub(super) fn letter(key: u64, body: &Value) -> Option<Letter> {
    let text = |key: &str| body.get(key)?.as_str();
    let about = body.get("about")?.as_array()?.iter();
    Some(Letter {
        key,
        about: about.filter_map(Value::as_str).map(Name::from).collect(),
        body: Bytes::copy_from_slice(text("body")?.as_bytes()),
        content_type: text("contentType")?.to_owned(),
        link: text("link").map(ToOwned::to_owned),
        at: Time::parse(text("at")?).ok()?,
        open: Opened::default(),
    })
}

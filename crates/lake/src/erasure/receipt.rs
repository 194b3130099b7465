//! Receipts: what an erasure did, without saying whose data it was.

use base::{Name, Time};
use ports::Entropy;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::scan::Scanned;
use super::{Wish, in_order};

/// The family of docs.
pub(crate) const KIND: &str = "erasure-receipt";

/// How an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is under way; after a fall of the node: say it again.
    Running,
    /// It is done, and nothing was found any more.
    Done,
    /// All was done, and something is still found: the receipt says where.
    Found,
    /// The log is not dropped yet, as somebody still has to read it: say it again later.
    Waits,
    /// It ended early: say it again.
    Failed,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Found => "found",
            Self::Waits => "waits",
            Self::Failed => "failed",
        }
    }
}

/// Files and rows of a tier that said something of the subjects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tier {
    /// What it is called.
    pub name: String,
    /// Files that were written anew, or removed.
    pub files: u64,
    /// Rows that went.
    pub rows: u64,
}

/// What an erasure did.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Its name.
    pub id: String,
    started: Time,
    ended: Option<Time>,
    by: String,
    reason: String,
    salt: String,
    subjects: Vec<String>,
    failure: Option<String>,
    /// Entities that were there.
    pub entities: u64,
    /// Copies in snapshots of the node.
    pub copies: u64,
    /// Letters that could not be delivered.
    pub letters: u64,
    /// Sealed history and its roll-ups.
    pub history: Vec<Tier>,
    /// Tables of records.
    pub records: Vec<Tier>,
    /// Files of the store: written anew, removed.
    pub store: (u64, u64),
    /// Who still has to read what is to go.
    pub waits_for: Vec<Name>,
    /// What was read afterwards.
    pub scanned: Option<Scanned>,
}

impl Receipt {
    /// A receipt of an erasure that begins.
    pub(super) fn begin(wish: &Wish, entropy: &dyn Entropy, now: Time) -> Self {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let mut chance = [0; 4];
        entropy.fill(&mut chance);
        let hash = |id: &Name| {
            let hash = Sha256::new().chain_update(salt).chain_update(id.as_bytes());
            hex::encode(hash.finalize())
        };
        Self {
            id: format!("{}-{}", in_order(now), hex::encode(chance)),
            started: now,
            ended: None,
            by: wish.by.clone(),
            reason: wish.reason.clone(),
            subjects: wish.subjects.iter().map(hash).collect(),
            salt: hex::encode(salt),
            failure: None,
            entities: 0,
            copies: 0,
            letters: 0,
            history: Vec::new(),
            records: Vec::new(),
            store: (0, 0),
            waits_for: Vec::new(),
            scanned: None,
        }
    }

    pub(super) fn end(&mut self, now: Time, failure: Option<String>) {
        self.ended = Some(now);
        self.failure = failure;
    }

    /// How it stands.
    pub fn state(&self) -> State {
        match (&self.ended, &self.failure, &self.scanned) {
            (None, _, _) => State::Running,
            (_, Some(_), _) | (_, None, None) => State::Failed,
            _ if !self.waits_for.is_empty() => State::Waits,
            (_, _, Some(scanned)) if scanned.found.is_empty() => State::Done,
            _ => State::Found,
        }
    }

    /// As it is kept and shown.
    pub fn to_json(&self) -> Value {
        let tiers = |tiers: &[Tier]| -> Vec<Value> {
            let tiers = tiers.iter();
            tiers
                .map(|tier| json!({ "name": tier.name, "files": tier.files, "rows": tier.rows }))
                .collect()
        };
        let scanned = self.scanned.as_ref().map(|scanned| {
            json!({
                "files": scanned.files,
                "bytes": scanned.bytes,
                "found": scanned.found,
                "longerNames": scanned.longer,
            })
        });
        json!({
            "id": self.id,
            "state": self.state().word(),
            "startedAt": self.started.to_string(),
            "endedAt": self.ended.map(|at| at.to_string()),
            "by": self.by,
            "reason": self.reason,
            "salt": self.salt,
            "subjects": self.subjects,
            "failure": self.failure,
            "entities": self.entities,
            "copies": self.copies,
            "letters": self.letters,
            "history": tiers(&self.history),
            "records": tiers(&self.records),
            "store": { "filesRewritten": self.store.0, "filesRemoved": self.store.1 },
            "waitsFor": self.waits_for.iter().map(Name::as_str).collect::<Vec<_>>(),
            "scanned": scanned,
        })
    }
}

//! What is known of one query while it runs, and for a while after.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base::Time;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use trust::{Call, Principal};

use crate::running::{Desk, QueryError, Wish};

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All rows that were wanted were given.
    Done,
    /// Somebody ended it, or its reader went away.
    Cancelled,
    /// It went wrong; the text says why.
    Failed(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }
}

/// A query as it is told to those who may see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: &'static str,
    /// The name of the token that asked; without one `public` or `administrator`.
    pub who: String,
    /// Whose world; empty: the default tenant's.
    pub tenant: String,
    /// Its text.
    pub query: String,
    /// When it was handed in.
    #[serde(serialize_with = "as_text")]
    pub started_at: Time,
    /// Milliseconds that it took, or takes so far.
    pub elapsed_ms: i64,
    /// Rows given.
    pub rows: u64,
    /// Whether there would have been more.
    pub truncated: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over what it writes by reference"
)]
fn as_text<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// A query.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(super) ticket: Option<Bytes>,
    pub(super) sql: String,
    pub(super) cancel: CancellationToken,
    pub(super) rows: AtomicU64,
    pub(super) truncated: AtomicBool,
    /// The reader has enough.
    pub(super) enough: AtomicBool,
    principal: Principal,
    tenant: String,
    started_at: Time,
    ended: OnceLock<(Time, Outcome)>,
    /// Why it broke off, until it is told.
    failure: Mutex<Option<QueryError>>,
}

impl Entry {
    pub(super) fn new(desk: &Desk, call: &Call, sql: &str, wish: &Wish) -> Self {
        let mut id = [0; 8];
        desk.parts.entropy.fill(&mut id);
        Self {
            id: format!("{:016x}", u64::from_be_bytes(id)),
            ticket: wish.ticket.clone(),
            sql: sql.to_owned(),
            cancel: CancellationToken::new(),
            rows: AtomicU64::new(0),
            truncated: AtomicBool::new(false),
            enough: AtomicBool::new(false),
            principal: call.principal.clone(),
            tenant: call.tenant.as_str().to_owned(),
            started_at: desk.parts.clock.now(),
            ended: OnceLock::new(),
            failure: Mutex::new(None),
        }
    }

    /// Whether the caller asked it.
    pub(super) fn is_of(&self, call: &Call) -> bool {
        self.principal == call.principal && self.tenant == call.tenant.as_str()
    }

    /// The id of who asked.
    pub(super) fn who(&self) -> &str {
        self.principal.label()
    }

    pub(super) fn elapsed_ms(&self, now: Time) -> i64 {
        let until = self.ended.get().map_or(now, |(at, _)| *at);
        (until.as_micros() - self.started_at.as_micros()).max(0) / 1_000
    }

    pub(super) fn shown(&self, now: Time) -> Shown {
        let ended = self.ended.get().map(|(_, outcome)| outcome);
        Shown {
            id: self.id.clone(),
            state: ended.map_or("running", Outcome::word),
            who: match &self.principal {
                Principal::Token { name, .. } => name.to_string(),
                other => other.label().to_owned(),
            },
            tenant: self.tenant.clone(),
            query: self.sql.clone(),
            started_at: self.started_at,
            elapsed_ms: self.elapsed_ms(now),
            rows: self.rows.load(Ordering::Relaxed),
            truncated: self.truncated.load(Ordering::Relaxed),
            error: match ended {
                Some(Outcome::Failed(reason)) => Some(reason.clone()),
                _ => None,
            },
        }
    }

    /// Keeps why it broke off for its reader.
    pub(super) fn fail(&self, error: QueryError) {
        *self.failure.lock() = Some(error);
    }

    /// Notes how it ended; only the first time counts.
    pub(super) fn end(&self, at: Time, outcome: Outcome) {
        // Err: it was noted already.
        drop(self.ended.set((at, outcome)));
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.ended.get(), Some((_, Outcome::Done)))
    }

    pub(super) fn take_failure(&self) -> Option<QueryError> {
        self.failure.lock().take()
    }

    /// Why it broke off.
    pub(super) fn failure(&self) -> QueryError {
        self.take_failure().unwrap_or(QueryError::GivenUp)
    }
}

//! Documents that could not be had, remembered for a short time: so a URL behind which nobody
//! answers costs its deadline once and not every request that names it.

use std::collections::HashMap;
use std::sync::Arc;

use base::Time;
use parking_lot::Mutex;

use super::FetchError;

/// Microseconds for which a failure is remembered.
const REMEMBERED_MICROS: i64 = 30_000_000;
/// Microseconds that a failure must have cost to be worth remembering: what fails at once may be
/// tried at once, so that a server that has just come up is found.
const COSTLY_MICROS: i64 = 500_000;
/// Failures remembered, and URLs fetched at the same time, at most.
const URLS_MAX: usize = 1_000;

/// What failed lately, and what is being fetched.
#[derive(Debug, Default)]
pub(super) struct Gone {
    failed: Mutex<HashMap<String, (Time, FetchError)>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Gone {
    /// Why a URL could not be had a short time ago.
    pub(super) fn recall(&self, url: &str, now: Time) -> Option<FetchError> {
        let failed = self.failed.lock();
        let (until, why) = failed.get(url)?;
        (*until > now).then(|| why.clone())
    }

    /// Remembers a failure of a fetch that began at `began`.
    pub(super) fn remember(&self, url: &str, why: &FetchError, began: Time, now: Time) {
        if now.as_micros().saturating_sub(began.as_micros()) < COSTLY_MICROS {
            return;
        }
        let mut failed = self.failed.lock();
        if failed.len() >= URLS_MAX {
            failed.retain(|_, (until, _)| *until > now);
        }
        if failed.len() < URLS_MAX {
            let until = now.plus_micros(REMEMBERED_MICROS);
            failed.insert(url.to_owned(), (until, why.clone()));
        }
    }

    /// Forgets that a URL could not be had.
    pub(super) fn forget(&self, url: &str) {
        self.failed.lock().remove(url);
    }

    /// The turn of a URL: whoever holds its lock fetches it, the others wait and look again.
    pub(super) fn turn(&self, url: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock();
        if turns.len() >= URLS_MAX {
            // Nobody waits for a turn that only this map holds.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(url.to_owned()).or_default())
    }
}

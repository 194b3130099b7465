//! Dead letters of a lane: what was given up, until it is replayed, discarded, or has to make room.

use std::sync::Arc;

use base::{Name, Time};

use super::lane::State;
use super::letter::Letter;
use super::meters;

/// Dead letters of a lane, and their bytes.
const DEAD_MAX: (usize, usize) = (500, 2 * 1024 * 1024);

/// A notification that was given up.
#[derive(Debug)]
pub(super) struct Dead {
    /// The letter, until the store says that it is dead.
    pub(super) letter: Option<Arc<Letter>>,
    /// Whether something stands in the store under its key.
    pub(super) is_stored: bool,
    pub(super) about: Vec<Name>,
    pub(super) bytes: usize,
    pub(super) at: Time,
    pub(super) died_at: Time,
    pub(super) attempts: u32,
    pub(super) reason: String,
}

impl State {
    /// Makes a dead letter one that waits.
    pub(super) fn revive(&mut self, key: u64, letter: Arc<Letter>, now: Time) -> bool {
        let Some(dead) = self.dead.remove(&key) else {
            return false;
        };
        self.dead_bytes = self.dead_bytes.saturating_sub(dead.bytes);
        self.add(letter, now, dead.is_stored);
        self.next_at = None;
        true
    }

    /// Throws a dead letter away.
    pub(super) fn discard(&mut self, key: u64) -> bool {
        let Some(dead) = self.dead.remove(&key) else {
            return false;
        };
        self.dead_bytes = self.dead_bytes.saturating_sub(dead.bytes);
        dead.close();
        if dead.is_stored {
            self.erase.push(key);
        }
        true
    }

    /// Makes a letter that waits a dead one; the oldest dead ones make room.
    pub(super) fn bury(&mut self, key: u64, reason: &str, now: Time) {
        let Some(one) = self.waiting.remove(&key) else {
            return;
        };
        let bytes = one.letter.bytes();
        self.bytes = self.bytes.saturating_sub(bytes);
        let dead = Dead {
            about: one.letter.about.clone(),
            at: one.letter.at,
            died_at: now,
            attempts: one.attempts,
            reason: reason.chars().take(300).collect(),
            is_stored: one.is_stored,
            letter: Some(one.letter),
            bytes,
        };
        self.entomb(key, dead);
    }

    /// Adds a dead letter; the oldest ones make room.
    pub(super) fn entomb(&mut self, key: u64, dead: Dead) {
        self.dead_bytes += dead.bytes;
        self.dead.insert(key, dead);
        while self.dead.len() > DEAD_MAX.0 || (self.dead_bytes > DEAD_MAX.1 && self.dead.len() > 1)
        {
            let Some((key, dead)) = self.dead.pop_first() else {
                break;
            };
            self.dead_bytes = self.dead_bytes.saturating_sub(dead.bytes);
            self.dropped += 1;
            metrics::counter!(meters::DROPPED).increment(1);
            dead.close();
            if dead.is_stored {
                self.erase.push(key);
            }
        }
    }

    /// The store has a letter, as a dead one or one that waits; it may be another by now, or no
    /// more.
    pub(super) fn note_stored(&mut self, key: u64, as_dead: bool) {
        if let Some(dead) = self.dead.get_mut(&key) {
            dead.is_stored = true;
            if as_dead {
                dead.close();
                dead.letter = None;
            }
        } else if let Some(one) = self.waiting.get_mut(&key) {
            one.is_stored = true;
            one.letter.open.close();
        } else {
            self.erase.push(key);
        }
    }

    /// Whether something is to be written or erased.
    pub(super) fn has_unsaved(&self) -> bool {
        !self.erase.is_empty() || self.dead.values().any(|dead| dead.letter.is_some())
    }
}

impl Dead {
    /// Nothing more is to be done for it.
    pub(super) fn close(&self) {
        if let Some(letter) = &self.letter {
            letter.open.close();
        }
    }
}

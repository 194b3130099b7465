//! Hosts: who does not answer is asked by one at a time, and seldom.

use std::sync::Arc;

use base::Time;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Failures in a row after which a host is left alone for a while.
const FAILURES_MAX: u32 = 5;
/// How long it is left alone at first, and at most, in microseconds.
const PAUSE_MICROS: (i64, i64) = (1_000_000, 5_000_000);
/// An answer that takes longer makes a host slow, in microseconds.
const SLOW_MICROS: i64 = 1_000_000;
/// Notifications on their way to one host.
const FLYING_MAX: usize = 32;
/// Notifications on their way to all hosts that are well, and to all others: so a hundred dead
/// hosts do not stand in the way of those that live. Together they leave some of what may be under
/// way to the outside to others.
///
/// Limit: a host that comes back waits its turn among the doubtful, which is soon as long as fewer
/// than a thousand hosts at once take connections and never answer.
const ROOM: (usize, usize) = (96, 96);
/// Hosts that are remembered.
const HOSTS_MAX: usize = 20_000;

/// All hosts that were asked.
#[derive(Debug)]
pub(super) struct Hosts {
    known: Mutex<HashMap<String, Arc<Host>>>,
    well: Semaphore,
    doubtful: Semaphore,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            well: Semaphore::new(ROOM.0),
            doubtful: Semaphore::new(ROOM.1),
        }
    }
}

/// One host, with its port.
#[derive(Debug)]
pub(super) struct Host {
    room: Semaphore,
    gate: Mutex<Gate>,
}

/// How it stands with a host.
#[derive(Debug, Default)]
struct Gate {
    failures: u32,
    is_slow: bool,
    /// Nobody asks before.
    until: Option<Time>,
    is_probed: bool,
}

/// How it stands with a host, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It answers.
    Closed,
    /// It does not; one notification tries it again at this time.
    Open(Time),
    /// It is being tried.
    HalfOpen,
}

impl Standing {
    /// The word for it, as it is used of circuit breakers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl Hosts {
    /// The host of an endpoint.
    pub(super) fn of(&self, uri: &str) -> Arc<Host> {
        let name = authority(uri);
        let mut known = self.known.lock();
        if let Some(host) = known.get(name) {
            return Arc::clone(host);
        }
        if known.len() >= HOSTS_MAX {
            known.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let host = Arc::new(Host {
            room: Semaphore::new(FLYING_MAX),
            gate: Mutex::default(),
        });
        known.insert(name.to_owned(), Arc::clone(&host));
        host
    }

    /// Waits for a place among those that are on their way.
    pub(super) async fn room(&self, host: &Host) -> Option<SemaphorePermit<'_>> {
        let room = if host.is_well() {
            &self.well
        } else {
            &self.doubtful
        };
        room.acquire().await.ok()
    }
}

/// User names are no part of it: they do not make a host another one.
fn authority(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or(rest);
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

impl Host {
    /// Waits for a place among those that are on their way to it.
    pub(super) async fn room(&self) -> Option<SemaphorePermit<'_>> {
        self.room.acquire().await.ok()
    }

    /// Asks to be let through.
    ///
    /// # Errors
    /// When to come again.
    pub(super) fn enter(self: &Arc<Self>, now: Time) -> Result<Pass, Time> {
        let mut gate = self.gate.lock();
        let is_probe = gate.failures >= FAILURES_MAX;
        if is_probe {
            let pause = now.plus_micros(PAUSE_MICROS.0);
            if let Some(until) = gate.until.filter(|until| *until > now) {
                return Err(until);
            }
            if gate.is_probed {
                return Err(pause);
            }
            gate.is_probed = true;
        }
        drop(gate);
        Ok(Pass {
            host: Arc::clone(self),
            is_probe,
        })
    }

    /// How it stands with it.
    pub(super) fn standing(&self, now: Time) -> Standing {
        let gate = self.gate.lock();
        if gate.failures < FAILURES_MAX {
            return Standing::Closed;
        }
        match gate.until {
            Some(until) if until > now && !gate.is_probed => Standing::Open(until),
            _ => Standing::HalfOpen,
        }
    }

    fn is_well(&self) -> bool {
        let gate = self.gate.lock();
        gate.failures == 0 && !gate.is_slow
    }
}

/// The leave to ask a host.
#[derive(Debug)]
pub(super) struct Pass {
    host: Arc<Host>,
    is_probe: bool,
}

impl Pass {
    /// Notes that the host answered, or did not.
    pub(super) fn report(self, answered: bool, took_micros: i64, now: Time) {
        let mut gate = self.host.gate.lock();
        gate.is_slow = took_micros > SLOW_MICROS;
        if answered {
            (gate.failures, gate.until) = (0, None);
        } else {
            gate.failures = gate.failures.saturating_add(1);
            let over = gate.failures.saturating_sub(FAILURES_MAX).min(8);
            let pause = (PAUSE_MICROS.0 << over).min(PAUSE_MICROS.1);
            gate.until = Some(now.plus_micros(pause));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe {
            self.host.gate.lock().is_probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_its_name_and_port() {
        for (uri, host) in [
            ("http://a.example/notify", "a.example"),
            ("https://a.example:8443?x=1", "a.example:8443"),
            ("mqtt://user:pass@b.example:1884/topic", "b.example:1884"),
            ("urn:events", "urn:events"),
        ] {
            assert_eq!(authority(uri), host);
        }
    }

    #[test]
    fn a_host_that_does_not_answer_is_tried_by_one_at_a_time() {
        let host = Hosts::default().of("http://a.example/");
        let start = Time::from_seconds(1_000);
        for _ in 0..FAILURES_MAX {
            host.enter(start).unwrap().report(false, 0, start);
        }
        assert!(!host.is_well());
        let again = host.enter(start).unwrap_err();
        assert_eq!(host.standing(start), Standing::Open(again));
        let probe = host.enter(again).unwrap();
        assert_eq!(host.standing(again), Standing::HalfOpen);
        assert!(host.enter(again).is_err(), "one is enough");
        probe.report(false, 0, again);
        let later = host.enter(again).unwrap_err();
        assert!(later.as_micros() - again.as_micros() > again.as_micros() - start.as_micros());
        host.enter(later).unwrap().report(true, 10, later);
        assert_eq!(host.standing(later), Standing::Closed);
        assert!(host.enter(later).is_ok() && host.is_well());
    }

    #[test]
    fn a_probe_that_is_given_up_lets_the_next_one_try() {
        let host = Hosts::default().of("http://a.example/");
        let start = Time::from_seconds(1_000);
        for _ in 0..FAILURES_MAX {
            host.enter(start).unwrap().report(false, 0, start);
        }
        let again = host.enter(start).unwrap_err();
        drop(host.enter(again).unwrap());
        drop(host.enter(again).unwrap());
    }
}

//! The breaker: a source that fails is left alone for a while, so that it costs nobody time.

use std::collections::HashMap;

use base::{Name, Tenant, Time};
use parking_lot::Mutex;

/// Failures in a row after which a source without a cooldown of its own is left alone.
const FAILURES_MAX: u32 = 3;
/// For how long; short, so that a source that returns is soon asked again.
const COOLDOWN_MICROS: i64 = 2_000_000;
/// Sources that are remembered; each stands for a registration that failed.
const SOURCES_MAX: usize = 100_000;

/// How a source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It did not answer.
    Silent,
    /// It answered, but with an error of its own. It is asked again, unless its registration
    /// names a cooldown [CIM-009 §5.2.34].
    Answered,
}

/// What is known of a source that failed.
#[derive(Debug, Default)]
struct State {
    failures: u32,
    until: Option<Time>,
}

/// The sources that failed.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failing: Mutex<HashMap<(Tenant, Name), State>>,
}

impl Breaker {
    /// Whether the source may be asked now. When its time has come, one is let through to see,
    /// and the others wait for what comes of it.
    pub(crate) fn lets(&self, source: &(Tenant, Name), now: Time) -> bool {
        let mut failing = self.failing.lock();
        let Some(state) = failing.get_mut(source) else {
            return true;
        };
        match state.until {
            Some(until) if now < until => false,
            Some(_) => {
                state.until = Some(now.plus_micros(COOLDOWN_MICROS));
                true
            }
            None => true,
        }
    }

    /// It answered.
    pub(crate) fn well(&self, source: &(Tenant, Name)) {
        self.failing.lock().remove(source);
    }

    /// It failed. `cooldown_micros` is what its registration says.
    pub(crate) fn failed(
        &self,
        source: &(Tenant, Name),
        failure: Failure,
        cooldown_micros: Option<i64>,
        now: Time,
    ) {
        let mut failing = self.failing.lock();
        if failure == Failure::Answered && cooldown_micros.is_none() {
            failing.remove(source);
            return;
        }
        if failing.len() >= SOURCES_MAX && !failing.contains_key(source) {
            failing.retain(|_, state| state.until.is_some_and(|until| now < until));
            if failing.len() >= SOURCES_MAX {
                return;
            }
        }
        let state = failing.entry(source.clone()).or_default();
        state.failures = state.failures.saturating_add(1);
        state.until = match cooldown_micros {
            Some(micros) => Some(now.plus_micros(micros)),
            None if state.failures >= FAILURES_MAX => Some(now.plus_micros(COOLDOWN_MICROS)),
            None => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> (Tenant, Name) {
        (Tenant::default_tenant(), "urn:r:1".into())
    }

    #[test]
    fn a_silent_source_is_left_alone_after_three_failures_and_then_tried_by_one() {
        let (breaker, source) = (Breaker::default(), source());
        let mut now = Time::from_seconds(0);
        for _ in 0..3 {
            assert!(breaker.lets(&source, now));
            breaker.failed(&source, Failure::Silent, None, now);
        }
        assert!(!breaker.lets(&source, now.plus_micros(COOLDOWN_MICROS - 1)));
        now = now.plus_micros(COOLDOWN_MICROS);
        assert!(breaker.lets(&source, now), "one is let through");
        assert!(!breaker.lets(&source, now), "the others wait");
        breaker.well(&source);
        assert!(breaker.lets(&source, now));
    }

    #[test]
    fn an_error_that_was_answered_counts_only_with_a_cooldown_of_its_own() {
        let (breaker, source) = (Breaker::default(), source());
        let now = Time::from_seconds(0);
        for _ in 0..9 {
            breaker.failed(&source, Failure::Answered, None, now);
        }
        assert!(breaker.lets(&source, now));
        breaker.failed(&source, Failure::Answered, Some(4_000_000), now);
        assert!(!breaker.lets(&source, now.plus_micros(3_999_999)));
        assert!(breaker.lets(&source, now.plus_micros(4_000_000)));
    }
}

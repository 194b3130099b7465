//! The receiver: takes notifications, and knows which came, how late, how often and in which order.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use memchr::memmem;
use tokio::net::TcpListener;

use crate::clock;
use crate::histogram::Histogram;

/// What was written and what was told of it.
#[derive(Debug)]
pub(super) struct Receiver {
    begun: Instant,
    /// When each write was sent, and when it was told first, in microseconds from the beginning; 0: not yet.
    times: Vec<(AtomicU64, AtomicU64)>,
    /// How often each write was told.
    counts: Vec<AtomicU32>,
    /// The last write that each subscription was told.
    last: Vec<AtomicU64>,
    disordered: AtomicU64,
}

/// What was told of some writes.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) heard: u64,
    pub(super) lost: u64,
    pub(super) twice: u64,
    /// Of all writes so far.
    pub(super) disordered: u64,
    pub(super) latencies: Histogram,
}

impl Receiver {
    pub(super) fn new(writes: u64, subscriptions: u64) -> Self {
        let writes = usize::try_from(writes).unwrap_or(usize::MAX);
        let subscriptions = usize::try_from(subscriptions).unwrap_or(usize::MAX);
        let mut times = Vec::new();
        times.resize_with(writes, Default::default);
        let mut counts = Vec::new();
        counts.resize_with(writes, AtomicU32::default);
        let mut last = Vec::new();
        last.resize_with(subscriptions, AtomicU64::default);
        Self {
            begun: clock::now(),
            times,
            counts,
            last,
            disordered: AtomicU64::default(),
        }
    }

    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let router = Router::new()
            .route("/notify/{subscription}", post(take))
            .with_state(self);
        // It ends with the measurement.
        let _ended = axum::serve(listener, router).await;
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes that a write is being sent.
    pub(super) fn note_sent(&self, number: u64) -> Instant {
        if let Some((sent, _)) = self.times.get(place(number)) {
            sent.store(self.micros().max(1), Ordering::Relaxed);
        }
        clock::now()
    }

    fn note_told(&self, subscription: u64, number: u64) {
        let at = self.micros().max(1);
        if let Some((_, told)) = self.times.get(place(number)) {
            // Only the first time counts.
            let _was_told = told.compare_exchange(0, at, Ordering::Relaxed, Ordering::Relaxed);
        }
        if let Some(count) = self.counts.get(place(number)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(last) = self.last.get(place(subscription))
            && last.fetch_max(number, Ordering::Relaxed) > number
        {
            self.disordered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all was told of these writes, as far as they are of entities below `live`.
    pub(super) async fn wait_for(
        &self,
        numbers: Range<u64>,
        live: u64,
        patience: Duration,
    ) -> Told {
        let all = u64::try_from(self.last.len()).unwrap_or(u64::MAX);
        let until = clock::now() + patience;
        loop {
            let mut told = Told::default();
            for number in numbers.clone().filter(|number| number % all < live) {
                let count = self.counts.get(place(number));
                match count.map_or(0, |count| count.load(Ordering::Relaxed)) {
                    0 => told.lost += 1,
                    count => {
                        told.heard += 1;
                        told.twice += u64::from(count - 1);
                        told.latencies.add(self.latency(number));
                    }
                }
            }
            told.disordered = self.disordered.load(Ordering::Relaxed);
            if told.lost == 0 || clock::now() > until {
                return told;
            }
            clock::until(clock::now() + Duration::from_millis(200)).await;
        }
    }

    fn latency(&self, number: u64) -> Duration {
        let Some((sent, told)) = self.times.get(place(number)) else {
            return Duration::ZERO;
        };
        let (sent, told) = (sent.load(Ordering::Relaxed), told.load(Ordering::Relaxed));
        Duration::from_micros(told.saturating_sub(sent))
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

async fn take(
    State(receiver): State<Arc<Receiver>>,
    Path(subscription): Path<u64>,
    body: Bytes,
) -> StatusCode {
    match number(&body) {
        Some(number) => {
            receiver.note_told(subscription, number);
            StatusCode::NO_CONTENT
        }
        None => StatusCode::BAD_REQUEST,
    }
}

/// The number of the write that a notification tells of.
fn number(body: &[u8]) -> Option<u64> {
    const VALUE: &[u8] = b"\"value\":";
    let at = memmem::find(body, VALUE)? + VALUE.len();
    let rest = body.get(at..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_says_which_write_it_tells_of() {
        let body = br#"{"data":[{"id":"urn:a:1","n":{"type":"Property","value":417}}]}"#;
        assert_eq!(number(body), Some(417));
        assert_eq!(number(b"{}"), None);
    }

    #[tokio::test]
    async fn what_is_not_told_is_lost_and_what_comes_twice_is_counted() {
        let receiver = Receiver::new(4, 2);
        for write in 0..4 {
            receiver.note_sent(write);
        }
        for (subscription, write) in [(0, 2), (0, 0), (0, 2)] {
            receiver.note_told(subscription, write);
        }
        let told = receiver.wait_for(0..4, 2, Duration::ZERO).await;
        assert_eq!(
            (told.heard, told.lost, told.twice, told.disordered),
            (2, 2, 1, 1)
        );
        let told = receiver.wait_for(0..4, 1, Duration::ZERO).await;
        assert_eq!((told.heard, told.lost), (2, 0), "the others' are dead");
    }
}

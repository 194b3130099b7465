//! Load: many connections that ask without pause for a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::clock;
use crate::dice::Dice;
use crate::histogram::Histogram;

/// Makes requests.
pub(crate) trait Ask: Send + Sync + 'static {
    /// Puts the next request into the empty `out`. `turn` counts the requests of all connections.
    fn request(&self, turn: u64, dice: &mut Dice, out: &mut Vec<u8>);
    /// The one good status of the answer to a request.
    fn status(&self, request: &[u8]) -> u16;
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    pub(crate) latency: Histogram,
    pub(crate) bytes_per_answer: f64,
}

/// How hard and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Force {
    pub(crate) connections: usize,
    pub(crate) length: Duration,
}

/// Asks from one thread, as the generator must leave the machine to the server. Any other status
/// than the good one ends the run.
pub(crate) fn run(address: SocketAddr, ask: Arc<dyn Ask>, force: Force) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(all(address, ask, force))
}

#[derive(Debug, Default)]
struct Share {
    latency: Histogram,
    bytes: u64,
}

async fn all(address: SocketAddr, ask: Arc<dyn Ask>, force: Force) -> anyhow::Result<Outcome> {
    let turns = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for _ in 0..force.connections {
        clients.push(Client::connect(address).await?);
    }
    let start = clock::now();
    let end = start + force.length;
    let mut tasks = JoinSet::new();
    for (seed, client) in (0..).zip(clients) {
        let (ask, turns) = (Arc::clone(&ask), Arc::clone(&turns));
        tasks.spawn(one(client, ask, turns, seed, end));
    }
    let mut latency = Histogram::default();
    let mut bytes = 0;
    while let Some(share) = tasks.join_next().await {
        let share = share.context("a connection died")??;
        latency.merge(&share.latency);
        bytes += share.bytes;
    }
    let seconds = start.elapsed().as_secs_f64();
    let count = to_float(latency.total());
    let bytes_per_answer = to_float(bytes) / count.max(1.0);
    Ok(Outcome {
        per_second: count / seconds,
        latency,
        bytes_per_answer,
    })
}

async fn one(
    mut client: Client,
    ask: Arc<dyn Ask>,
    turns: Arc<AtomicU64>,
    seed: u64,
    end: Instant,
) -> anyhow::Result<Share> {
    let mut dice = Dice(seed.wrapping_mul(0x5851_F42D_4C95_7F2D));
    let mut request = Vec::new();
    let mut share = Share::default();
    let mut now = clock::now();
    while now < end {
        request.clear();
        ask.request(
            turns.fetch_add(1, Ordering::Relaxed),
            &mut dice,
            &mut request,
        );
        let answer = client.ask(&request).await?;
        if answer.status != ask.status(&request) {
            let line = String::from_utf8_lossy(&request)
                .chars()
                .take(300)
                .collect::<String>();
            let body = String::from_utf8_lossy(answer.body)
                .chars()
                .take(600)
                .collect::<String>();
            let good = ask.status(&request);
            bail!(
                "status {} in place of {good} to\n{line}\n{body}",
                answer.status
            );
        }
        share.bytes += answer.body.len() as u64;
        let then = clock::now();
        share.latency.add(then - now);
        now = then;
    }
    Ok(share)
}

/// Counts here are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn to_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Empty;
    use crate::{client, floor};

    /// Asks for what the empty server does not have.
    struct Wrong;

    impl Ask for Wrong {
        fn request(&self, _turn: u64, _dice: &mut Dice, out: &mut Vec<u8>) {
            client::get("/nothing", out);
        }
        fn status(&self, _request: &[u8]) -> u16 {
            200
        }
    }

    #[test]
    fn answers_are_counted_and_a_wrong_one_ends_the_run() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let _endless = std::thread::spawn(move || floor::serve(address));
        let force = Force {
            connections: 4,
            length: Duration::from_millis(100),
        };
        let ask = || run(address, Arc::new(Empty { patch: false }), force);
        let begin = clock::now();
        let mut outcome = ask();
        while outcome.is_err() && begin.elapsed() < Duration::from_secs(10) {
            clock::pause(Duration::from_millis(10));
            outcome = ask();
        }
        let outcome = outcome.unwrap();
        assert!(outcome.latency.total() >= 4, "each connection was answered");
        assert!((outcome.bytes_per_answer - 1_024.0).abs() < f64::EPSILON);
        assert!(
            run(address, Arc::new(Empty { patch: true }), force).is_ok_and(|o| o.per_second > 0.0)
        );
        let error = run(address, Arc::new(Wrong), force).unwrap_err();
        assert!(
            error.to_string().starts_with("status 404 in place of 200"),
            "{error}"
        );
    }
}

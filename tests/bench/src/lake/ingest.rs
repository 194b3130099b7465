//! The year comes in: over HTTP, in the order of time, by one of two doors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use tokio::task::JoinSet;

use super::year::{A_DAY, Year};
use crate::client::{self, Client};
use crate::clock;

/// Sensors of one batch of updates.
const BATCH: u64 = 1_000;
/// Connections that write at once.
const CONNECTIONS: usize = 16;

/// By which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Door {
    /// As a living city: updates of 1,000 sensors with one reading each
    Update,
    /// As a past that is imported: the temporal representation of one sensor, a day a time
    Past,
}

impl Door {
    /// Requests for all points, and the one good status of the first and the others.
    fn requests(self, year: &Year) -> u64 {
        match self {
            Self::Update => year.steps() * year.sensors.div_ceil(BATCH),
            Self::Past => year.steps().div_ceil(A_DAY) * year.sensors,
        }
    }

    /// The n-th request's body and path, and the points in it.
    fn request(self, year: &Year, turn: u64) -> (String, &'static str, u64) {
        match self {
            Self::Update => {
                let batches = year.sensors.div_ceil(BATCH);
                let (step, batch) = (turn / batches, turn % batches);
                let (body, points) = year.update(step, batch * BATCH, BATCH);
                (body, "/ngsi-ld/v1/entityOperations/update", points)
            }
            Self::Past => {
                let (day, sensor) = (turn / year.sensors, turn % year.sensors);
                let (body, points) = year.past(day, sensor);
                (body, "/ngsi-ld/v1/temporal/entities", points)
            }
        }
    }
}

/// What came in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brought {
    pub(super) points: u64,
    /// Bytes of the bodies.
    pub(super) bytes: u64,
    pub(super) length: Duration,
}

/// Creates the sensors.
pub(super) fn create(address: SocketAddr, year: &Year) -> anyhow::Result<()> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut client = Client::connect(address).await?;
        for from in (0..year.sensors).step_by(1_000) {
            let body = Year::sensors_json(from, year.sensors.min(from + 1_000));
            let path = "/ngsi-ld/v1/entityOperations/create";
            must(&mut client, path, &body, 201).await?;
        }
        Ok(())
    })
}

/// Writes all points and waits until each is acknowledged; from one thread, as the generator must
/// leave the machine to the node.
pub(super) fn bring(
    address: SocketAddr,
    year: Year,
    door: Door,
    told: fn(u64, Duration),
) -> anyhow::Result<Brought> {
    let begin = clock::now();
    let mut brought = runtime()?.block_on(all(address, year, door, (begin, told)))?;
    brought.length = begin.elapsed();
    ensure!(
        brought.points == year.points,
        "{} points in place of {}",
        brought.points,
        year.points
    );
    Ok(brought)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

async fn all(
    address: SocketAddr,
    year: Year,
    door: Door,
    told: (Instant, fn(u64, Duration)),
) -> anyhow::Result<Brought> {
    let turns = Arc::new(AtomicU64::new(0));
    let points = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let client = Client::connect(address).await?;
        let counters = (Arc::clone(&turns), Arc::clone(&points));
        tasks.spawn(some(client, year, door, counters, told));
    }
    let mut brought = Brought::default();
    while let Some(share) = tasks.join_next().await {
        brought.bytes += share.context("a connection died")??;
    }
    brought.points = points.load(Ordering::Relaxed);
    Ok(brought)
}

/// One connection's share: the bytes of its bodies.
async fn some(
    mut client: Client,
    year: Year,
    door: Door,
    (turns, points): (Arc<AtomicU64>, Arc<AtomicU64>),
    (begin, told): (Instant, fn(u64, Duration)),
) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let requests = door.requests(&year);
    loop {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        if turn >= requests {
            return Ok(bytes);
        }
        let (body, path, many) = door.request(&year, turn);
        if many == 0 {
            continue;
        }
        // The entities are there: 204 by either door.
        must(&mut client, path, &body, 204).await?;
        bytes += body.len() as u64;
        let before = points.fetch_add(many, Ordering::Relaxed);
        if before / 1_000_000 != (before + many) / 1_000_000 {
            told(before + many, begin.elapsed());
        }
    }
}

/// Posts, and wants that status.
async fn must(client: &mut Client, path: &str, body: &str, status: u16) -> anyhow::Result<()> {
    let mut request = Vec::with_capacity(body.len() + 256);
    client::send("POST", path, body.as_bytes(), &mut request);
    let answer = client.ask(&request).await?;
    let is_good = answer.status == status;
    let said: String = String::from_utf8_lossy(answer.body)
        .chars()
        .take(600)
        .collect();
    ensure!(is_good, "{path}: {} {said}", answer.status);
    Ok(())
}

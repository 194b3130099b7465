//! The devices of the model city: they publish by MQTT as real ones do, at a listener of their own
//! that nobody else can enter.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use base::Time;
use bytes::Bytes;
use model_city::{City, Life};
use mqtt::{ClientSettings, Credentials, Door, Publisher, Qos, Refusal};
use ports::Clock as _;
use trust::Secret;

use super::Inner;
use crate::devices::listen;
use crate::real::{OsEntropy, SystemClock};

/// How often the devices are asked what they have to say, in microseconds.
const ROUND_MICROS: i64 = 500_000;
/// After a break of the connection.
const AGAIN_MICROS: i64 = 2_000_000;
/// Readings held at once, whatever the pace of the city.
const AT_ONCE: usize = 4_096;

/// Opens to one password.
#[derive(Debug)]
struct OwnDoor {
    password: String,
}

#[async_trait]
impl Door for OwnDoor {
    async fn connect(&self, who: &Credentials<'_>) -> Result<(), Refusal> {
        if who.password == Some(self.password.as_bytes()) {
            Ok(())
        } else {
            Err(Refusal::Credentials)
        }
    }
}

/// Lets the city live from now on, `speed` of its seconds in one of ours.
pub(super) async fn start(inner: &Arc<Inner>, city: Arc<City>, speed: u32) -> anyhow::Result<()> {
    let password = Secret::new(&OsEntropy).reveal();
    let door = Arc::new(OwnDoor {
        password: password.clone(),
    });
    let feeds = Arc::clone(&inner.feeds);
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = listen(anywhere, door, feeds, &inner.tasks).await?;
    let mut settings = ClientSettings::new(
        Arc::new(SystemClock),
        Arc::new(OsEntropy),
        &format!("mqtt://{address}"),
        "model-city",
    );
    settings.password = Some(password);
    inner.state.write().speed = Some(speed);
    inner.changed();
    let started = SystemClock.now();
    let pace = Pace { started, speed };
    let mut life = city.life(started);
    let tasks = inner.tasks.clone();
    inner.tasks.spawn("the model city", async move {
        let living = async {
            loop {
                let failed = match Publisher::connect(&settings).await {
                    Ok(publisher) => live(&mut life, publisher, pace).await,
                    Err(fault) => fault,
                };
                tracing::warn!(%failed, "the devices of the model city connect again");
                sleep(AGAIN_MICROS).await;
            }
        };
        tokio::select! {
            biased;
            () = tasks.stopped() => {}
            () = living => {}
        }
    });
    Ok(())
}

/// The time of the city.
#[derive(Debug, Clone, Copy)]
struct Pace {
    started: Time,
    speed: u32,
}

impl Pace {
    fn now(self) -> Time {
        let passed = SystemClock.now().as_micros() - self.started.as_micros();
        self.started
            .plus_micros(passed.saturating_mul(i64::from(self.speed)))
    }
}

/// Publishes what the devices say as it happens; returns why that came to an end.
async fn live(life: &mut Life, mut publisher: Publisher, pace: Pace) -> mqtt::Fault {
    loop {
        let until = pace.now();
        loop {
            let readings = life.advance(until).take(AT_ONCE);
            let messages: Vec<_> = readings
                .map(|reading| (reading.topic, Bytes::from(reading.payload)))
                .collect();
            if messages.is_empty() {
                break;
            }
            // What a feed refuses, it has counted with its reason: the city has devices that are
            // out of order.
            if let Err(fault) = publisher.publish(&messages, Qos::AtLeastOnce).await {
                return fault;
            }
        }
        sleep(ROUND_MICROS).await;
    }
}

async fn sleep(micros: i64) {
    SystemClock
        .sleep_until(SystemClock.now().plus_micros(micros))
        .await;
}

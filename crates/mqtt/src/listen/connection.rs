//! The connection of one device.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use base::{Tasks, Time};
use ports::Clock;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::greeting::{Greeted, Unwelcome, greet};
use super::registry::Supplanted;
use crate::codec::{Asked, Disconnect, Frame, Will, kind, put_packet, put_refusals};
use crate::inbound::Inbound;
use crate::pump::{Pump, Wire};
use crate::{Fault, Message, Version};

/// How long a device may take to say who it is, in microseconds.
const GREETING: i64 = 10_000_000;
/// Implementation specific error: the answer of MQTT 5 to a subscription.
const NOT_DONE_HERE: u8 = 0x83;
/// No subscription existed.
const NEVER_SUBSCRIBED: u8 = 0x11;
/// Disconnect with will message.
const WITH_WILL: u8 = 0x04;

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// The device said good-bye.
    Bye(Disconnect),
    /// It was supplanted.
    Supplanted(Supplanted),
    /// All else.
    Fault(Fault),
}

/// Serves a device until it is gone.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let settings = &shared.settings;
    let clock = &settings.clock;
    let (reader, writer) = stream.into_split();
    let mut wire = Wire::new(reader, writer, settings.packet_bytes_max, Arc::clone(clock));
    let deadline = clock.now().plus_micros(GREETING);
    let greeted = tokio::select! {
        biased;
        () = shared.tasks.stopped() => Err(Fault::Stopping.into()),
        greeted = greet(&mut wire, peer, shared) => greeted,
        () = clock.sleep_until(deadline) => Err(Fault::ConnectTimeout.into()),
    };
    match greeted {
        Ok(greeted) => connected(wire, peer, greeted, shared).await,
        Err(unwelcome) => {
            if let Unwelcome::Fault(fault) = unwelcome {
                tracing::info!(%peer, %fault, "a connection did not come about");
            }
            wire.finish(false).await;
        }
    }
}

async fn connected(wire: Wire, peer: SocketAddr, greeted: Greeted, shared: &Arc<Shared>) {
    let Greeted {
        terms,
        entered,
        keep_alive,
        mut session_seconds,
        will,
    } = greeted;
    let (client, version) = (Arc::clone(&terms.client), terms.version);
    tracing::debug!(%client, %peer, "a device connected");
    let mut pump = Pump {
        inbound: Inbound::new(terms, entered.session, shared.outlet.clone()),
        wire,
    };
    let clock = &shared.settings.clock;
    let patience = i64::from(keep_alive) * 1_500_000;
    let end = tokio::select! {
        biased;
        () = shared.tasks.stopped() => End::Fault(Fault::Stopping),
        supplanted = entered.supplanted => supplanted.map_or(End::Fault(Fault::Stopping), End::Supplanted),
        end = converse(&mut pump, version, patience, clock.as_ref()) => end,
    };
    if let End::Bye(Disconnect {
        session_expiry: Some(seconds),
        ..
    }) = &end
        && session_seconds > 0
    {
        session_seconds = (*seconds).min(shared.settings.session_seconds_max);
    }
    say_why(&client, peer, &end);
    let will = due(will, &end, session_seconds).map(|will| {
        let message = Message::plain(&will.topic, will.payload, &client);
        (message, will.delay.min(session_seconds))
    });
    if let End::Fault(fault) = end {
        pump.finish(&fault).await;
    } else if let End::Supplanted(_) = end {
        pump.finish(&Fault::TakenOver).await;
    }
    leave(&client, entered.number, session_seconds, will, shared).await;
}

/// Takes what the device sends until one side has enough.
async fn converse(pump: &mut Pump, version: Version, patience: i64, clock: &dyn Clock) -> End {
    let mut timer = pin!(clock.sleep_until(pump.wire.heard.plus_micros(patience)));
    loop {
        tokio::select! {
            biased;
            next = pump.next() => match next.and_then(|frame| answer(pump, &frame, version)) {
                Ok(None) => {}
                Ok(Some(bye)) => return End::Bye(bye),
                Err(fault) => return End::Fault(fault),
            },
            () = timer.as_mut() => {
                let (now, heard) = (clock.now(), pump.wire.heard);
                let next = if pump.is_held_up() { now } else { heard }.plus_micros(patience);
                if next <= now {
                    return End::Fault(Fault::KeepAliveTimeout);
                }
                timer.set(clock.sleep_until(next));
            }
        }
    }
}

/// Answers a packet that is no message; `Some`: the device takes its leave.
fn answer(pump: &mut Pump, frame: &Frame, version: Version) -> Result<Option<Disconnect>, Fault> {
    let out = &mut pump.wire.outgoing;
    match frame.kind() {
        kind::PINGREQ => put_packet(out, kind::PINGRESP, 0, &[]),
        kind::SUBSCRIBE => {
            let asked = Asked::read(frame, version)?;
            let code = match version {
                Version::V5 => NOT_DONE_HERE,
                Version::V3 => 0x80,
            };
            let said = (code, "this node takes messages and hands none on");
            put_refusals(out, version, kind::SUBACK, asked, said);
        }
        kind::UNSUBSCRIBE => {
            let asked = Asked::read(frame, version)?;
            put_refusals(out, version, kind::UNSUBACK, asked, (NEVER_SUBSCRIBED, ""));
        }
        kind::DISCONNECT => return Disconnect::read(frame, version).map(Some),
        _ => return Err(Fault::Protocol("a device does not send such a packet")),
    }
    Ok(None)
}

fn say_why(client: &str, peer: SocketAddr, end: &End) {
    match end {
        End::Bye(_) | End::Fault(Fault::Stopping) => {
            tracing::debug!(client, %peer, "a device disconnected");
        }
        End::Supplanted(_) => {
            tracing::info!(client, %peer, "another device came with the same client id");
        }
        End::Fault(fault @ (Fault::Closed | Fault::Network(_) | Fault::KeepAliveTimeout)) => {
            tracing::info!(client, %peer, %fault, "a device is gone");
        }
        End::Fault(fault) => tracing::warn!(client, %peer, %fault, "a device was disconnected"),
    }
}

/// The will, if this end calls for it [MQTT5 §3.1.2.5]. When the node stops it does not: the silence
/// that follows is not the device's.
fn due(will: Option<Will>, end: &End, session_seconds: u32) -> Option<Will> {
    let calls = match (&will, end) {
        (None, _) | (_, End::Fault(Fault::Stopping)) => false,
        (_, End::Bye(bye)) => bye.code == WITH_WILL,
        (Some(will), End::Supplanted(by)) => !by.resumed || will.delay == 0 || session_seconds == 0,
        (_, End::Fault(_)) => true,
    };
    will.filter(|_| calls)
}

/// Gives up the place, and publishes the will when it is time.
async fn leave(
    client: &Arc<str>,
    number: u64,
    session_seconds: u32,
    will: Option<(Message, u32)>,
    shared: &Shared,
) {
    let clock = &shared.settings.clock;
    let now = clock.now();
    let after = move |seconds: u32| now.plus_micros(i64::from(seconds) * 1_000_000);
    let until = (session_seconds > 0).then(|| after(session_seconds));
    let delayed = will.as_ref().is_some_and(|(_, delay)| *delay > 0);
    let (cancel, cancelled) = oneshot::channel();
    let waits = delayed.then_some(cancel);
    let kept = shared.registry.leave(client, number, until, waits, now);
    let Some((message, delay)) = will else {
        return;
    };
    let out = shared.outlet.sender().clone();
    if kept && delayed {
        let (clock, tasks) = (Arc::clone(clock), shared.tasks.clone());
        shared.tasks.spawn("will", async move {
            if outlives(cancelled, &clock, after(delay), &tasks).await {
                publish(message, &out, &tasks).await;
            }
        });
    } else {
        publish(message, &out, &shared.tasks).await;
    }
}

/// Whether the absence lasts until then, or the session ends before.
async fn outlives(
    returned: oneshot::Receiver<Supplanted>,
    clock: &Arc<dyn Clock>,
    until: Time,
    tasks: &Tasks,
) -> bool {
    tokio::select! {
        biased;
        returned = returned => returned.is_ok_and(|by| !by.resumed),
        () = tasks.stopped() => false,
        () = clock.sleep_until(until) => true,
    }
}

async fn publish(message: Message, out: &mpsc::Sender<Message>, tasks: &Tasks) {
    tokio::select! {
        biased;
        sent = out.send(message) => {
            if sent.is_err() {
                tracing::warn!("a will came when nobody took messages any more");
            }
        }
        () = tasks.stopped() => {}
    }
}

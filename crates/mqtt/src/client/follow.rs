//! One connection of a client: subscribed, followed, left.

use std::pin::pin;
use std::sync::Arc;

use base::Tasks;
use ports::Clock;
use tokio::sync::watch;

use super::{ClientSettings, ClientState, Hello, hello};
use crate::codec::{Disconnect, Frame, Granted, kind, put_packet, put_subscribe, put_unsubscribe};
use crate::inbound::{Inbound, Outlet, Terms};
use crate::ledger::Session;
use crate::pump::Pump;
use crate::tls::Address;
use crate::{Fault, Version};

/// The packet id of SUBSCRIBE and of UNSUBSCRIBE: one at a time.
const PACKET: u16 = 1;

/// How a connection ended.
pub(super) enum Ended {
    /// Nobody takes messages any more.
    Done,
    /// It stood, and failed.
    Connected(Fault),
    /// It never stood.
    Never(Fault),
}

/// Connects, subscribes and hands over messages until something fails.
pub(super) async fn follow(
    settings: &ClientSettings,
    address: &Address,
    session: &mut Arc<Session>,
    outlet: &Outlet,
    (state, tasks): (&watch::Sender<ClientState>, &Tasks),
) -> Ended {
    let (wire, greeting) = tokio::select! {
        biased;
        () = tasks.stopped() => return Ended::Done,
        () = outlet.sender().closed() => return Ended::Done,
        greeted = hello(settings, address, false) => match greeted {
            Ok(greeted) => greeted,
            Err(fault) => return Ended::Never(fault),
        },
    };
    if !greeting.resumed {
        *session = Arc::default();
    }
    let terms = Terms {
        version: settings.version,
        client: settings.client_id.as_str().into(),
        serves: false,
        unanswered_max: settings.unanswered_max.max(1),
        aliases_max: 0,
        reasons_wanted: true,
    };
    let mut pump = Pump {
        inbound: Inbound::new(terms, Arc::clone(session), outlet.clone()),
        wire,
    };
    put_subscribe(
        &mut pump.wire.outgoing,
        settings.version,
        PACKET,
        &settings.subscriptions,
    );
    let mut subscribed = false;
    let fault = tokio::select! {
        biased;
        // Before the receiver's end, which a stop brings about too: the session is to be kept.
        () = tasks.stopped() => Fault::Stopping,
        () = outlet.sender().closed() => {
            leave(pump, settings).await;
            return Ended::Done;
        }
        fault = converse(&mut pump, settings, greeting, &mut subscribed, state) => fault,
    };
    pump.finish(&fault).await;
    if fault == Fault::Stopping {
        Ended::Done
    } else if subscribed {
        Ended::Connected(fault)
    } else {
        Ended::Never(fault)
    }
}

async fn converse(
    pump: &mut Pump,
    settings: &ClientSettings,
    greeting: Hello,
    subscribed: &mut bool,
    state: &watch::Sender<ClientState>,
) -> Fault {
    let clock = settings.clock.as_ref();
    let beat = i64::from(greeting.keep_alive.max(1)) * 500_000;
    let mut timer = pin!(clock.sleep_until(clock.now().plus_micros(beat)));
    loop {
        tokio::select! {
            biased;
            next = pump.next() => match next.and_then(|frame| heard(&frame, settings)) {
                Ok(Heard::Nothing) => {}
                Ok(Heard::Granted) => {
                    *subscribed = true;
                    let since = clock.now();
                    tracing::info!(url = settings.url, resumed = greeting.resumed, "following a broker");
                    state.send_replace(ClientState::Connected { since, resumed: greeting.resumed });
                }
                Err(fault) => return fault,
            },
            () = timer.as_mut() => {
                if greeting.keep_alive > 0 {
                    if is_silent(pump, beat, clock) {
                        return Fault::KeepAliveTimeout;
                    }
                    put_packet(&mut pump.wire.outgoing, kind::PINGREQ, 0, &[]);
                }
                timer.set(clock.sleep_until(clock.now().plus_micros(beat)));
            }
        }
    }
}

/// Whether nothing came although it was asked for: two beats make a keep alive.
fn is_silent(pump: &mut Pump, beat: i64, clock: &dyn Clock) -> bool {
    let now = clock.now();
    if pump.is_held_up() {
        pump.wire.heard = now;
    }
    pump.wire.heard.plus_micros(3 * beat) <= now
}

enum Heard {
    Nothing,
    Granted,
}

fn heard(frame: &Frame, settings: &ClientSettings) -> Result<Heard, Fault> {
    match frame.kind() {
        kind::SUBACK => {
            let granted = Granted::read(frame, settings.version)?;
            if granted.packet != PACKET || granted.codes.len() != settings.subscriptions.len() {
                return Err(Fault::Protocol("SUBACK does not answer what was asked"));
            }
            let wanted = settings.subscriptions.iter();
            match wanted.zip(granted.codes).find(|(_, code)| *code >= 0x80) {
                Some((refused, code)) => Err(Fault::SubscriptionRefused {
                    filter: refused.filter.as_str().to_owned(),
                    code,
                }),
                None => Ok(Heard::Granted),
            }
        }
        kind::PINGRESP | kind::UNSUBACK => Ok(Heard::Nothing),
        kind::DISCONNECT if settings.version == Version::V5 => {
            let Disconnect { code, reason, .. } = Disconnect::read(frame, settings.version)?;
            Err(Fault::Ended { code, reason })
        }
        _ => Err(Fault::Protocol("a broker does not send such a packet")),
    }
}

/// Nobody takes messages any more: the broker need not keep any.
async fn leave(mut pump: Pump, settings: &ClientSettings) {
    let out = &mut pump.wire.outgoing;
    put_unsubscribe(out, settings.version, PACKET, &settings.subscriptions);
    Disconnect::put_final(out, settings.version);
    pump.wire.finish(false).await;
}

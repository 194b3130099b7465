//! The greeting of a client: connection, CONNECT, CONNACK.

use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{Connack, Connect, Properties, kind};
use crate::pump::Wire;
use crate::tls::Address;
use crate::{ClientSettings, Fault, Version};

/// How long a broker may take to let us in, in microseconds.
const PATIENCE: i64 = 10_000_000;

/// What a broker said when it let us in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hello {
    /// Whether it had kept the session.
    pub(crate) resumed: bool,
    /// The keep alive to hold, seconds; 0: none.
    pub(crate) keep_alive: u16,
    /// Its Receive Maximum.
    pub(crate) window: Option<u16>,
}

/// Connects and is let in.
pub(crate) async fn hello(
    settings: &ClientSettings,
    address: &Address,
    clean: bool,
) -> Result<(Wire, Hello), Fault> {
    let clock = &settings.clock;
    let deadline = clock.now().plus_micros(PATIENCE);
    tokio::select! {
        biased;
        greeted = greet(settings, address, clean) => greeted,
        () = clock.sleep_until(deadline) => Err(Fault::ConnectTimeout),
    }
}

async fn greet(
    settings: &ClientSettings,
    address: &Address,
    clean: bool,
) -> Result<(Wire, Hello), Fault> {
    let clock = Arc::clone(&settings.clock);
    let stream = address.connect(settings.reach.as_deref()).await?;
    let mut wire = address
        .greet(stream, settings.packet_bytes_max, clock)
        .await?;
    let connect = Connect {
        clean,
        keep_alive: settings.keep_alive_seconds,
        client: settings.client_id.clone(),
        will: None,
        user: settings.user.clone(),
        password: settings
            .password
            .as_ref()
            .map(|password| Bytes::copy_from_slice(password.as_bytes())),
        properties: Properties {
            session_expiry: (!clean).then_some(settings.session_seconds),
            receive_maximum: Some(settings.unanswered_max.max(1)),
            packet_bytes_max: u32::try_from(settings.packet_bytes_max).ok(),
            ..Properties::default()
        },
    };
    connect.put(&mut wire.outgoing, settings.version);
    let frame = wire.frame().await?;
    if frame.kind() != kind::CONNACK {
        return Err(Fault::Protocol("the first packet is not CONNACK"));
    }
    let connack = Connack::read(&frame, settings.version)?;
    if connack.code != 0 {
        return Err(Fault::Refused {
            code: connack.code,
            reason: match settings.version {
                Version::V3 => meaning(connack.code).to_owned(),
                Version::V5 => connack.properties.reason.unwrap_or_default(),
            },
        });
    }
    let hello = Hello {
        resumed: connack.resumed,
        keep_alive: connack
            .properties
            .keep_alive
            .unwrap_or(settings.keep_alive_seconds),
        window: connack.properties.receive_maximum,
    };
    Ok((wire, hello))
}

/// What a code of 3.1.1 means [MQTT3 §3.2.2.3].
fn meaning(code: u8) -> &'static str {
    match code {
        1 => "it does not speak this version of the protocol",
        2 => "it does not take this client id",
        3 => "it is not available now",
        4 => "the user name or the password is wrong",
        5 => "this client is not allowed to connect",
        _ => "",
    }
}

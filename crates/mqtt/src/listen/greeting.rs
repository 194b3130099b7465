//! CONNECT and its answer.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};

use super::Shared;
use super::registry::Entered;
use crate::codec::{Connack, Connect, Will, put_text, put_word, version_of};
use crate::inbound::Terms;
use crate::pump::Wire;
use crate::{CLIENT_ID_BYTES_MAX, Credentials, Fault, Version};

/// Bytes of CONNECT: comes from anybody, so it is short; a token has its place.
const CONNECT_BYTES_MAX: usize = 32 * 1024;
/// Bytes of the payload of a will: it is kept for as long as the device is connected.
const WILL_BYTES_MAX: usize = 4 * 1024;
/// Topic aliases that a device may set.
const ALIASES_MAX: u16 = 32;
/// Bytes of the least packet in which a reason has its place.
const REASONED_BYTES: u32 = 1_024;

/// A device that was let in.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) terms: Terms,
    pub(super) entered: Entered,
    /// Seconds.
    pub(super) keep_alive: u16,
    /// Seconds; 0: the session ends with the connection.
    pub(super) session_seconds: u32,
    pub(super) will: Option<Will>,
}

/// Why nobody was let in.
#[derive(Debug)]
pub(super) enum Unwelcome {
    /// It broke off or made an error.
    Fault(Fault),
    /// The door said so; it was told.
    Refused,
}

impl From<Fault> for Unwelcome {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Hears CONNECT, asks the door and answers.
pub(super) async fn greet(
    wire: &mut Wire,
    peer: SocketAddr,
    shared: &Shared,
) -> Result<Greeted, Unwelcome> {
    wire.bytes_max = CONNECT_BYTES_MAX.min(shared.settings.packet_bytes_max);
    let frame = wire.frame().await?;
    wire.bytes_max = shared.settings.packet_bytes_max;
    let version = match version_of(&frame) {
        Ok(version) => version,
        Err(fault) => {
            if fault == Fault::VersionUnsupported {
                // Said in the words of 3.1.1, which all versions understand.
                Connack::put(&mut wire.outgoing, Version::V3, false, 1, &[]);
            }
            return Err(fault.into());
        }
    };
    let read = Connect::read(&frame, version).and_then(|connect| checked(connect, version));
    let mut connect = match read {
        Ok(connect) => connect,
        Err(fault) => {
            refuse(&mut wire.outgoing, version, &fault);
            return Err(fault.into());
        }
    };
    let given = connect.client.is_empty();
    if given {
        connect.client = name(shared);
    }
    let who = Credentials {
        client: &connect.client,
        user: connect.user.as_deref(),
        password: connect.password.as_deref(),
        peer,
        version,
    };
    if let Err(refusal) = shared.door.connect(&who).await {
        tracing::warn!(client = connect.client, %peer, %refusal, "a device was not let in");
        Connack::put(
            &mut wire.outgoing,
            version,
            false,
            refusal.code(version),
            &[],
        );
        return Err(Unwelcome::Refused);
    }
    Ok(welcome(wire, connect, version, given, shared))
}

/// What is right in form may still be more than is taken.
fn checked(connect: Connect, version: Version) -> Result<Connect, Fault> {
    if connect.properties.authentication {
        return Err(Fault::AuthenticationUnsupported);
    }
    if connect.client.len() > CLIENT_ID_BYTES_MAX {
        return Err(Fault::ClientIdInvalid("it has more than 256 bytes"));
    }
    if connect.client.chars().any(char::is_control) {
        return Err(Fault::ClientIdInvalid("it has control characters"));
    }
    if connect.client.is_empty() && version == Version::V3 && !connect.clean {
        return Err(Fault::ClientIdInvalid("a session to be kept needs one"));
    }
    if let Some(will) = &connect.will
        && will.payload.len() > WILL_BYTES_MAX
    {
        return Err(Fault::PacketTooLarge {
            bytes: will.payload.len(),
            bytes_max: WILL_BYTES_MAX,
        });
    }
    Ok(connect)
}

fn refuse(out: &mut BytesMut, version: Version, fault: &Fault) {
    let code = match (version, fault) {
        (Version::V5, fault) => fault.code(),
        (Version::V3, Fault::ClientIdInvalid(_)) => Some(2),
        (Version::V3, _) => None,
    };
    if let Some(code) = code {
        Connack::put(out, version, false, code, &[]);
    }
}

/// A client id that nobody has.
fn name(shared: &Shared) -> String {
    let mut chance = [0_u8; 12];
    shared.settings.entropy.fill(&mut chance);
    let mut name = "auto-".to_owned();
    for byte in chance {
        // Writing into a text does not fail.
        let _written = write!(name, "{byte:02x}").is_ok();
    }
    name
}

fn welcome(
    wire: &mut Wire,
    connect: Connect,
    version: Version,
    given: bool,
    shared: &Shared,
) -> Greeted {
    let settings = &shared.settings;
    let asked = &connect.properties;
    let session_asked = match version {
        Version::V5 => asked.session_expiry.unwrap_or(0),
        Version::V3 if connect.clean => 0,
        Version::V3 => u32::MAX,
    };
    let session_seconds = session_asked.min(settings.session_seconds_max);
    let keep_alive = match connect.keep_alive {
        0 => settings.keep_alive_seconds_max,
        seconds => seconds.min(settings.keep_alive_seconds_max),
    };
    let client: Arc<str> = connect.client.as_str().into();
    let terms = Terms {
        version,
        client: Arc::clone(&client),
        serves: true,
        unanswered_max: settings.unanswered_max.max(1),
        aliases_max: ALIASES_MAX,
        reasons_wanted: asked.problems_wanted.unwrap_or(true)
            && asked
                .packet_bytes_max
                .is_none_or(|max| max >= REASONED_BYTES),
    };
    let now = settings.clock.now();
    let entered = shared
        .registry
        .enter(&client, connect.clean, session_seconds > 0, now);
    let mut own = BytesMut::new();
    if session_seconds != session_asked {
        put_word(&mut own, 0x11, session_seconds);
    }
    if given {
        put_text(&mut own, 0x12, &client);
    }
    if keep_alive != connect.keep_alive {
        own.put_u8(0x13);
        own.put_u16(keep_alive);
    }
    own.put_u8(0x21);
    own.put_u16(terms.unanswered_max);
    own.put_u8(0x22);
    own.put_u16(ALIASES_MAX);
    let bytes_max = u32::try_from(settings.packet_bytes_max).unwrap_or(u32::MAX);
    put_word(&mut own, 0x27, bytes_max);
    // No wildcard, identified or shared subscriptions: there are none at all.
    own.put_slice(&[0x28, 0, 0x29, 0, 0x2A, 0]);
    Connack::put(&mut wire.outgoing, version, entered.resumed, 0, &own);
    Greeted {
        terms,
        entered,
        keep_alive,
        session_seconds,
        will: connect.will,
    }
}

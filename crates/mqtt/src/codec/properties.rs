//! Properties of MQTT 5 [MQTT5 §2.2.2].

use bytes::{BufMut as _, BytesMut};

use super::{Reader, put_binary};
use crate::Fault;

/// The properties that stand in a kind of packet, one bit each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed(u64);

const fn allowed(identifiers: &[u8]) -> Allowed {
    let (mut bits, mut place) = (0, 0);
    while place < identifiers.len() {
        bits |= 1 << identifiers[place];
        place += 1;
    }
    Allowed(bits)
}

pub(crate) const CONNECT: Allowed =
    allowed(&[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27]);
pub(crate) const WILL: Allowed = allowed(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26]);
pub(crate) const CONNACK: Allowed = allowed(&[
    0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
    0x2A,
]);
pub(crate) const PUBLISH: Allowed = allowed(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26]);
pub(crate) const ACKNOWLEDGEMENT: Allowed = allowed(&[0x1F, 0x26]);
pub(crate) const SUBSCRIBE: Allowed = allowed(&[0x0B, 0x26]);
pub(crate) const UNSUBSCRIBE: Allowed = allowed(&[0x26]);
pub(crate) const DISCONNECT: Allowed = allowed(&[0x11, 0x1C, 0x1F, 0x26]);

/// Those that may come more than once: user properties, and the subscriptions of a message.
const REPEATED: Allowed = allowed(&[0x0B, 0x26]);

/// The properties that are acted on; the others are checked and passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    /// Session Expiry Interval, seconds.
    pub(crate) session_expiry: Option<u32>,
    /// Receive Maximum.
    pub(crate) receive_maximum: Option<u16>,
    /// Maximum Packet Size, bytes.
    pub(crate) packet_bytes_max: Option<u32>,
    /// Topic Alias.
    pub(crate) topic_alias: Option<u16>,
    /// Request Problem Information: whether reason strings are welcome.
    pub(crate) problems_wanted: Option<bool>,
    /// Will Delay Interval, seconds.
    pub(crate) will_delay: Option<u32>,
    /// Server Keep Alive, seconds.
    pub(crate) keep_alive: Option<u16>,
    /// Reason String.
    pub(crate) reason: Option<String>,
    /// Whether there is an Authentication Method.
    pub(crate) authentication: bool,
}

impl Properties {
    /// Reads the length and what follows.
    pub(crate) fn read(reader: &mut Reader<'_>, allowed: Allowed) -> Result<Self, Fault> {
        let mut properties = Self::default();
        let length = reader.length()?;
        let mut reader = Reader::new(reader.take(length)?);
        let mut seen = 0_u64;
        while !reader.rest.is_empty() {
            let identifier = reader.length()?;
            let bit = u32::try_from(identifier)
                .ok()
                .and_then(|identifier| 1_u64.checked_shl(identifier))
                .filter(|bit| allowed.0 & bit != 0)
                .ok_or(Fault::Protocol(
                    "a property does not belong into this packet",
                ))?;
            if seen & bit & !REPEATED.0 != 0 {
                return Err(Fault::Protocol("a property comes twice"));
            }
            seen |= bit;
            properties.value(&mut reader, identifier)?;
        }
        Ok(properties)
    }

    fn value(&mut self, reader: &mut Reader<'_>, identifier: usize) -> Result<(), Fault> {
        match identifier {
            0x11 => self.session_expiry = Some(reader.u32()?),
            0x13 => self.keep_alive = Some(reader.u16()?),
            0x15 => self.authentication = !reader.text()?.is_empty(),
            0x17 => self.problems_wanted = Some(flag(reader)?),
            0x18 => self.will_delay = Some(reader.u32()?),
            0x1F => self.reason = Some(reader.text()?.to_owned()),
            0x21 => match reader.u16()? {
                0 => return Err(Fault::Protocol("the Receive Maximum is 0")),
                maximum => self.receive_maximum = Some(maximum),
            },
            0x23 => match reader.u16()? {
                0 => return Err(Fault::TopicAliasInvalid),
                alias => self.topic_alias = Some(alias),
            },
            0x27 => match reader.u32()? {
                0 => return Err(Fault::Protocol("the Maximum Packet Size is 0")),
                maximum => self.packet_bytes_max = Some(maximum),
            },
            0x01 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => drop(flag(reader)?),
            0x22 => drop(reader.u16()?),
            0x02 => drop(reader.u32()?),
            0x0B => {
                if reader.length()? == 0 {
                    return Err(Fault::Protocol("the Subscription Identifier is 0"));
                }
            }
            0x03 | 0x08 | 0x12 | 0x1A | 0x1C => drop(reader.text()?),
            0x09 | 0x16 => drop(reader.binary()?),
            0x26 => drop((reader.text()?, reader.text()?)),
            _ => return Err(Fault::Malformed("there is no such property")),
        }
        Ok(())
    }
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault::Protocol("a property is neither 0 nor 1")),
    }
}

/// Writes a property that is a text.
pub(crate) fn put_text(out: &mut BytesMut, identifier: u8, text: &str) {
    out.put_u8(identifier);
    put_binary(out, text.as_bytes());
}

/// Writes a property that is a number of four bytes.
pub(crate) fn put_word(out: &mut BytesMut, identifier: u8, value: u32) {
    out.put_u8(identifier);
    out.put_u32(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], allowed: Allowed) -> Result<Properties, Fault> {
        Properties::read(&mut Reader::new(bytes), allowed)
    }

    #[test]
    fn properties_are_read() {
        let read = read(&[8, 0x11, 0, 0, 0, 60, 0x21, 0, 5], CONNECT).unwrap();
        assert_eq!(read.session_expiry, Some(60));
        assert_eq!(read.receive_maximum, Some(5));
    }

    #[test]
    fn a_property_out_of_place_or_twice_is_a_protocol_error() {
        for (bytes, allowed) in [
            (&[3, 0x23, 0, 1][..], CONNECT),
            (&[6, 0x23, 0, 1, 0x23, 0, 1], PUBLISH),
            (&[2, 0x7F, 0], PUBLISH),
            (&[2, 0x17, 2], CONNECT),
            (&[3, 0x21, 0, 0], CONNECT),
        ] {
            assert_eq!(
                read(bytes, allowed).unwrap_err().code(),
                Some(0x82),
                "{bytes:?}"
            );
        }
        assert_eq!(
            read(&[3, 0x23, 0, 0], PUBLISH),
            Err(Fault::TopicAliasInvalid)
        );
        read(&[9, 0x11], CONNECT).unwrap_err();
    }

    #[test]
    fn user_properties_may_repeat() {
        let pair = [0x26, 0, 1, b'a', 0, 1, b'b'];
        let mut bytes = vec![14];
        bytes.extend(pair);
        bytes.extend(pair);
        assert_eq!(read(&bytes, PUBLISH), Ok(Properties::default()));
    }
}

//! Packets on the wire [MQTT5 §2, MQTT3 §2]: found in the stream, taken apart, put together.

mod connect;
mod properties;
mod publish;
mod subscribe;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::Fault;

pub(crate) use connect::{Connack, Connect, Will, version_of};
pub(crate) use properties::{Properties, put_text, put_word};
pub(crate) use publish::{Acknowledgement, Publish, put_acknowledgement, put_publish};
pub(crate) use subscribe::{Asked, Granted, put_refusals, put_subscribe, put_unsubscribe};

/// Kinds of packet [MQTT5 §2.1.2].
pub(crate) mod kind {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const PUBREC: u8 = 5;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const PUBCOMP: u8 = 7;
    pub(crate) const SUBSCRIBE: u8 = 8;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const UNSUBSCRIBE: u8 = 10;
    pub(crate) const UNSUBACK: u8 = 11;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const PINGRESP: u8 = 13;
    pub(crate) const DISCONNECT: u8 = 14;
}

/// A packet that is there as a whole, not yet taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    first: u8,
    /// What follows the fixed header.
    pub(crate) body: Bytes,
}

impl Frame {
    /// One of [`kind`].
    pub(crate) fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The lower half of the first byte.
    pub(crate) fn flags(&self) -> u8 {
        self.first & 0x0F
    }

    /// Bytes on the wire, about.
    pub(crate) fn len(&self) -> usize {
        self.body.len() + 2
    }
}

/// Takes the next packet from the buffer; `None` when it has not come as a whole.
pub(crate) fn frame(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Frame>, Fault> {
    let Some((&first, rest)) = buffer.split_first() else {
        return Ok(None);
    };
    let flags_right = match first >> 4 {
        0 => return Err(Fault::Malformed("there is no packet of kind 0")),
        kind::PUBLISH => true,
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE => first & 0x0F == 2,
        _ => first.trailing_zeros() >= 4,
    };
    if !flags_right {
        return Err(Fault::Malformed(
            "the reserved flags are not as they must be",
        ));
    }
    let Some((length, digits)) = length(rest)? else {
        return Ok(None);
    };
    let whole = 1 + digits + length;
    if whole > bytes_max {
        return Err(Fault::PacketTooLarge {
            bytes: whole,
            bytes_max,
        });
    }
    if buffer.len() < whole {
        return Ok(None);
    }
    let mut body = buffer.split_to(whole);
    body.advance(1 + digits);
    Ok(Some(Frame {
        first,
        body: body.freeze(),
    }))
}

/// The variable byte integer at the beginning and the number of its bytes [MQTT5 §1.5.5].
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    let mut value = 0_usize;
    for (place, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            if place > 0 && *byte == 0 {
                return Err(Fault::Malformed("a length is written longer than need be"));
            }
            return Ok(Some((value, place + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(Fault::Malformed("a length has more than four bytes"));
    }
    Ok(None)
}

/// Writes a variable byte integer; callers keep below its maximum of 268,435,455.
pub(crate) fn put_length(out: &mut BytesMut, mut value: usize) {
    loop {
        let digit = u8::try_from(value & 0x7F).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.put_u8(digit);
            return;
        }
        out.put_u8(digit | 0x80);
    }
}

/// Writes a packet around a body.
pub(crate) fn put_packet(out: &mut BytesMut, kind: u8, flags: u8, body: &[u8]) {
    out.put_u8(kind << 4 | flags);
    put_length(out, body.len());
    out.put_slice(body);
}

/// Writes binary data, cut to the 65,535 bytes that the length can say.
pub(crate) fn put_binary(out: &mut BytesMut, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.put_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
}

/// Reads the parts of a packet in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// What has not been read.
    pub(crate) rest: &'a [u8],
}

const SHORT: Fault = Fault::Malformed("the packet ends within a field");

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(bytes))
    }

    pub(crate) fn length(&mut self) -> Result<usize, Fault> {
        let (value, digits) = length(self.rest)?.ok_or(SHORT)?;
        self.take(digits)?;
        Ok(value)
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// A text: UTF-8 without U+0000 [MQTT5 §1.5.4].
    pub(crate) fn text(&mut self) -> Result<&'a str, Fault> {
        let text = std::str::from_utf8(self.binary()?)
            .map_err(|_not_utf8| Fault::Malformed("a text is not UTF-8"))?;
        if text.contains('\0') {
            return Err(Fault::Malformed("a text has a null character"));
        }
        Ok(text)
    }

    /// A packet id, which is never 0.
    pub(crate) fn packet(&mut self) -> Result<u16, Fault> {
        match self.u16()? {
            0 => Err(Fault::Protocol("the packet id is 0")),
            packet => Ok(packet),
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Fault::Malformed("the packet is longer than its fields"))
        }
    }
}

/// What DISCONNECT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disconnect {
    /// 0: normally, so that no will is published.
    pub(crate) code: u8,
    /// The reason string.
    pub(crate) reason: String,
    /// A new session expiry interval.
    pub(crate) session_expiry: Option<u32>,
}

impl Disconnect {
    /// Reads it [MQTT5 §3.14, MQTT3 §3.14].
    pub(crate) fn read(frame: &Frame, version: crate::Version) -> Result<Self, Fault> {
        let mut reader = Reader::new(&frame.body);
        let mut disconnect = Self {
            code: 0,
            reason: String::new(),
            session_expiry: None,
        };
        if version == crate::Version::V5 && !frame.body.is_empty() {
            disconnect.code = reader.u8()?;
            if !reader.rest.is_empty() {
                let properties = Properties::read(&mut reader, properties::DISCONNECT)?;
                disconnect.reason = properties.reason.unwrap_or_default();
                disconnect.session_expiry = properties.session_expiry;
            }
        }
        reader.end()?;
        Ok(disconnect)
    }

    /// Writes the last one of a session: nothing is to be kept.
    pub(crate) fn put_final(out: &mut BytesMut, version: crate::Version) {
        match version {
            crate::Version::V5 => {
                put_packet(out, kind::DISCONNECT, 0, &[0, 5, 0x11, 0, 0, 0, 0]);
            }
            crate::Version::V3 => Self::put(out, version, 0),
        }
    }

    /// Writes one; the reason code is for MQTT 5 only.
    pub(crate) fn put(out: &mut BytesMut, version: crate::Version, code: u8) {
        let body: &[u8] = match version {
            crate::Version::V5 => &[code],
            crate::Version::V3 => &[],
        };
        put_packet(out, kind::DISCONNECT, 0, body);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Qos, Version};

    #[test]
    fn lengths_are_written_and_read_as_in_the_standard() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (127, &[0x7F]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x80, 0x80, 0x01]),
            (268_435_455, &[0xFF, 0xFF, 0xFF, 0x7F]),
        ] {
            let mut out = BytesMut::new();
            put_length(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(length(bytes), Ok(Some((value, bytes.len()))));
        }
        length(&[0xFF, 0xFF, 0xFF, 0xFF]).unwrap_err();
        length(&[0x80, 0x00]).unwrap_err();
        assert_eq!(length(&[0x80]), Ok(None));
    }

    #[test]
    fn a_packet_is_taken_once_it_is_whole() {
        let mut out = BytesMut::new();
        put_publish(&mut out, Version::V5, Qos::AtLeastOnce, 7, "a/b", b"21.5");
        let whole = out.split().freeze();
        for cut in 0..whole.len() {
            let mut part = BytesMut::from(whole.get(..cut).unwrap());
            assert!(frame(&mut part, 100).unwrap().is_none(), "{cut} bytes");
        }
        let mut all = BytesMut::from(&whole[..]);
        all.extend_from_slice(&[0xC0]);
        let packet = frame(&mut all, 100).unwrap().unwrap();
        assert_eq!(packet.kind(), kind::PUBLISH);
        assert_eq!(&all[..], &[0xC0]);
    }

    #[test]
    fn a_packet_too_large_is_refused_before_it_has_come() {
        let mut head = BytesMut::from(&[0x30, 0xFF, 0xFF, 0x7F][..]);
        let fault = frame(&mut head, 1024).unwrap_err();
        assert_eq!(fault.code(), Some(0x95));
    }

    fn take_apart(frame: &Frame) {
        for version in [Version::V3, Version::V5] {
            // Whatever it is, the answer is a value or a fault.
            let _connect = Connect::read(frame, version).is_ok();
            let _connack = Connack::read(frame, version).is_ok();
            let _publish = Publish::read(frame, version).is_ok();
            let _ack = Acknowledgement::read(frame, version).is_ok();
            let _asked = Asked::read(frame, version).is_ok();
            let _granted = Granted::read(frame, version).is_ok();
            let _disconnect = Disconnect::read(frame, version).is_ok();
        }
        let _version = version_of(frame).is_ok();
    }

    proptest! {
        #[test]
        fn any_bytes_are_packets_or_faults(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = frame(&mut buffer, 10_000) {
                take_apart(&frame);
            }
            for first in 0..=255 {
                take_apart(&Frame { first, body: Bytes::copy_from_slice(&bytes) });
            }
        }

        #[test]
        fn a_publish_comes_back_as_it_was_written(
            v5 in any::<bool>(), qos in 0_u8..3, packet in 1_u16.., topic in "[a-zа-я/]{1,40}",
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let version = if v5 { Version::V5 } else { Version::V3 };
            let qos = Qos::from_bits(qos).unwrap();
            let mut out = BytesMut::new();
            put_publish(&mut out, version, qos, packet, &topic, &payload);
            let frame = frame(&mut out, 10_000).unwrap().unwrap();
            let read = Publish::read(&frame, version).unwrap();
            prop_assert_eq!(read.topic, topic);
            prop_assert_eq!(&read.payload[..], &payload[..]);
            prop_assert_eq!(read.qos, qos);
            prop_assert_eq!(read.packet, if qos == Qos::AtMostOnce { 0 } else { packet });
            prop_assert!(out.is_empty());
        }
    }
}

//! PUBLISH and its acknowledgements [MQTT5 §3.3–§3.7].

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Frame, Properties, Reader, kind, properties, put_binary, put_length};
use crate::{Fault, Qos, Version, filter};

/// A message on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish<'a> {
    /// The topic; empty with an alias.
    pub(crate) topic: &'a str,
    /// The number that stands for a topic.
    pub(crate) alias: Option<u16>,
    /// How surely.
    pub(crate) qos: Qos,
    /// The packet id; 0 for QoS 0.
    pub(crate) packet: u16,
    /// The retain flag.
    pub(crate) retained: bool,
    /// What it says.
    pub(crate) payload: Bytes,
}

impl<'a> Publish<'a> {
    /// Reads it.
    pub(crate) fn read(frame: &'a Frame, version: Version) -> Result<Self, Fault> {
        let mut reader = Reader::new(&frame.body);
        let flags = frame.flags();
        let qos = Qos::from_bits(flags >> 1 & 3).ok_or(Fault::Malformed("there is no QoS 3"))?;
        if qos == Qos::AtMostOnce && flags & 8 != 0 {
            return Err(Fault::Malformed("QoS 0 is never sent again"));
        }
        let topic = reader.text()?;
        let packet = match qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce | Qos::ExactlyOnce => reader.packet()?,
        };
        let alias = match version {
            Version::V5 => Properties::read(&mut reader, properties::PUBLISH)?.topic_alias,
            Version::V3 => None,
        };
        if topic.is_empty() && version == Version::V5 {
            if alias.is_none() {
                return Err(Fault::Protocol("there is neither a topic nor an alias"));
            }
        } else if !filter::is_topic(topic) {
            return Err(Fault::TopicInvalid);
        }
        Ok(Self {
            topic,
            alias,
            qos,
            packet,
            retained: flags & 1 != 0,
            payload: frame.body.slice_ref(reader.rest),
        })
    }
}

/// Writes a message.
pub(crate) fn put_publish(
    out: &mut BytesMut,
    version: Version,
    qos: Qos,
    packet: u16,
    topic: &str,
    payload: &[u8],
) {
    let overhead =
        2 + if qos == Qos::AtMostOnce { 0 } else { 2 } + usize::from(version == Version::V5);
    out.put_u8(kind::PUBLISH << 4 | qos.bits() << 1);
    put_length(out, overhead + topic.len() + payload.len());
    put_binary(out, topic.as_bytes());
    if qos != Qos::AtMostOnce {
        out.put_u16(packet);
    }
    if version == Version::V5 {
        out.put_u8(0);
    }
    out.put_slice(payload);
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    /// The packet id.
    pub(crate) packet: u16,
    /// The reason code; 0x80 and more: refused.
    pub(crate) code: u8,
    /// The reason string.
    pub(crate) reason: String,
}

impl Acknowledgement {
    /// Reads it.
    pub(crate) fn read(frame: &Frame, version: Version) -> Result<Self, Fault> {
        let mut reader = Reader::new(&frame.body);
        let mut read = Self {
            packet: reader.packet()?,
            code: 0,
            reason: String::new(),
        };
        if version == Version::V5 && !reader.rest.is_empty() {
            read.code = reader.u8()?;
            if !reader.rest.is_empty() {
                let properties = Properties::read(&mut reader, properties::ACKNOWLEDGEMENT)?;
                read.reason = properties.reason.unwrap_or_default();
            }
        }
        reader.end()?;
        Ok(read)
    }
}

/// Writes an acknowledgement; code and reason are for MQTT 5 only.
pub(crate) fn put_acknowledgement(
    out: &mut BytesMut,
    version: Version,
    kind_of: u8,
    packet: u16,
    (code, reason): (u8, &str),
) {
    let flags = if kind_of == kind::PUBREL { 2 } else { 0 };
    out.put_u8(kind_of << 4 | flags);
    if version == Version::V3 || code == 0 {
        out.put_u8(2);
        out.put_u16(packet);
    } else if reason.is_empty() {
        out.put_u8(3);
        out.put_u16(packet);
        out.put_u8(code);
    } else {
        let mut body = BytesMut::with_capacity(reason.len() + 8);
        body.put_u16(packet);
        body.put_u8(code);
        put_length(&mut body, reason.len() + 3);
        properties::put_text(&mut body, 0x1F, reason);
        put_length(out, body.len());
        out.put_slice(&body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame;

    #[test]
    fn an_acknowledgement_comes_back_as_it_was_written() {
        for (version, code, reason) in [
            (Version::V3, 0, ""),
            (Version::V5, 0, ""),
            (Version::V5, 0x99, ""),
            (Version::V5, 0x99, "no number in 'temperature'"),
        ] {
            for kind_of in [kind::PUBACK, kind::PUBREC, kind::PUBREL, kind::PUBCOMP] {
                let mut out = BytesMut::new();
                put_acknowledgement(&mut out, version, kind_of, 513, (code, reason));
                let frame = frame(&mut out, 1000).unwrap().unwrap();
                assert_eq!(frame.kind(), kind_of);
                let read = Acknowledgement::read(&frame, version).unwrap();
                assert_eq!((read.packet, read.code), (513, code));
                assert_eq!(read.reason, reason);
            }
        }
    }

    #[test]
    fn a_message_without_a_proper_topic_is_refused() {
        let read = |body: &'static [u8], version| {
            let frame = Frame {
                first: 0x30,
                body: Bytes::from_static(body),
            };
            Publish::read(&frame, version).map(|_| ()).unwrap_err()
        };
        assert_eq!(read(b"\0\x03a/#", Version::V3), Fault::TopicInvalid);
        assert_eq!(read(b"\0\0", Version::V3), Fault::TopicInvalid);
        assert_eq!(read(b"\0\0\0", Version::V5).code(), Some(0x82));
        assert_eq!(read(b"\0\x02\xC3\x28", Version::V3).code(), Some(0x81));
    }
}

//! CONNECT and CONNACK [MQTT5 §3.1, §3.2].

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Frame, Properties, Reader, kind, properties, put_binary, put_length, put_packet};
use crate::{Fault, Qos, Version, filter};

/// What a client says when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    /// Clean Start, or Clean Session.
    pub(crate) clean: bool,
    /// Seconds; 0: none.
    pub(crate) keep_alive: u16,
    /// The client id; empty: the server shall give one.
    pub(crate) client: String,
    /// The will.
    pub(crate) will: Option<Will>,
    /// The user name.
    pub(crate) user: Option<String>,
    /// The password.
    pub(crate) password: Option<Bytes>,
    /// Of MQTT 5.
    pub(crate) properties: Properties,
}

/// What is published when the client is gone without a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Will {
    /// Where to.
    pub(crate) topic: String,
    /// What.
    pub(crate) payload: Bytes,
    /// Seconds to wait for its return.
    pub(crate) delay: u32,
}

/// The protocol that a CONNECT speaks, so that even a refusal can be said in it.
pub(crate) fn version_of(frame: &Frame) -> Result<Version, Fault> {
    let mut reader = Reader::new(&frame.body);
    if frame.kind() != kind::CONNECT {
        return Err(Fault::Protocol("the first packet is not CONNECT"));
    }
    let name = reader.binary()?;
    match (name, reader.u8()?) {
        (b"MQTT", 4) => Ok(Version::V3),
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT" | b"MQIsdp", _) => Err(Fault::VersionUnsupported),
        _ => Err(Fault::Malformed("the protocol is not MQTT")),
    }
}

impl Connect {
    /// Reads it.
    pub(crate) fn read(frame: &Frame, version: Version) -> Result<Self, Fault> {
        let mut reader = Reader::new(&frame.body);
        let (_name, _level) = (reader.binary()?, reader.u8()?);
        let flags = reader.u8()?;
        let has = |bit: u8| flags & 1 << bit != 0;
        let will_qos = Qos::from_bits(flags >> 3 & 3);
        let keep_alive = reader.u16()?;
        if has(0) || will_qos.is_none() {
            return Err(Fault::Malformed(
                "the connect flags are not as they must be",
            ));
        }
        if !has(2) && (has(5) || will_qos != Some(Qos::AtMostOnce)) {
            return Err(Fault::Malformed("there are flags of a will without one"));
        }
        if version == Version::V3 && has(6) && !has(7) {
            return Err(Fault::Malformed("there is a password without a user name"));
        }
        let properties = match version {
            Version::V5 => Properties::read(&mut reader, properties::CONNECT)?,
            Version::V3 => Properties::default(),
        };
        let connect = Self {
            clean: has(1),
            keep_alive,
            client: reader.text()?.to_owned(),
            will: has(2)
                .then(|| Will::read(&mut reader, version))
                .transpose()?,
            user: has(7)
                .then(|| reader.text().map(str::to_owned))
                .transpose()?,
            password: has(6)
                .then(|| reader.binary().map(Bytes::copy_from_slice))
                .transpose()?,
            properties,
        };
        reader.end()?;
        Ok(connect)
    }

    /// Writes it; the properties written are those that a client of this crate sets.
    pub(crate) fn put(&self, out: &mut BytesMut, version: Version) {
        let mut body = BytesMut::new();
        put_binary(&mut body, b"MQTT");
        body.put_u8(if version == Version::V5 { 5 } else { 4 });
        body.put_u8(
            u8::from(self.clean) << 1
                | u8::from(self.will.is_some()) << 2
                | u8::from(self.password.is_some()) << 6
                | u8::from(self.user.is_some()) << 7,
        );
        body.put_u16(self.keep_alive);
        if version == Version::V5 {
            let mut own = BytesMut::new();
            if let Some(seconds) = self.properties.session_expiry {
                properties::put_word(&mut own, 0x11, seconds);
            }
            if let Some(maximum) = self.properties.receive_maximum {
                own.put_u8(0x21);
                own.put_u16(maximum);
            }
            if let Some(maximum) = self.properties.packet_bytes_max {
                properties::put_word(&mut own, 0x27, maximum);
            }
            put_length(&mut body, own.len());
            body.put_slice(&own);
        }
        put_binary(&mut body, self.client.as_bytes());
        if let Some(will) = &self.will {
            if version == Version::V5 {
                body.put_u8(5);
                properties::put_word(&mut body, 0x18, will.delay);
            }
            put_binary(&mut body, will.topic.as_bytes());
            put_binary(&mut body, &will.payload);
        }
        if let Some(user) = &self.user {
            put_binary(&mut body, user.as_bytes());
        }
        if let Some(password) = &self.password {
            put_binary(&mut body, password);
        }
        put_packet(out, kind::CONNECT, 0, &body);
    }
}

impl Will {
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Self, Fault> {
        let delay = match version {
            Version::V5 => Properties::read(reader, properties::WILL)?.will_delay,
            Version::V3 => None,
        };
        let topic = reader.text()?;
        if !filter::is_topic(topic) {
            return Err(Fault::TopicInvalid);
        }
        Ok(Self {
            topic: topic.to_owned(),
            payload: Bytes::copy_from_slice(reader.binary()?),
            delay: delay.unwrap_or(0),
        })
    }
}

/// How a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connack {
    /// Whether the server has a session.
    pub(crate) resumed: bool,
    /// 0: welcome.
    pub(crate) code: u8,
    /// Of MQTT 5.
    pub(crate) properties: Properties,
}

impl Connack {
    /// Reads it.
    pub(crate) fn read(frame: &Frame, version: Version) -> Result<Self, Fault> {
        let mut reader = Reader::new(&frame.body);
        let resumed = match reader.u8()? {
            0 => false,
            1 => true,
            _ => {
                return Err(Fault::Malformed(
                    "the flags of CONNACK are not as they must be",
                ));
            }
        };
        let connack = Self {
            resumed,
            code: reader.u8()?,
            properties: match version {
                Version::V5 => Properties::read(&mut reader, properties::CONNACK)?,
                Version::V3 => Properties::default(),
            },
        };
        reader.end()?;
        Ok(connack)
    }

    /// Writes one with these properties, written already.
    pub(crate) fn put(out: &mut BytesMut, version: Version, resumed: bool, code: u8, own: &[u8]) {
        let mut body = BytesMut::new();
        body.put_u8(u8::from(resumed));
        body.put_u8(code);
        if version == Version::V5 {
            put_length(&mut body, own.len());
            body.put_slice(own);
        }
        put_packet(out, kind::CONNACK, 0, &body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::frame;

    #[test]
    fn a_connect_comes_back_as_it_was_written() {
        for version in [Version::V3, Version::V5] {
            let mut connect = Connect {
                clean: true,
                keep_alive: 60,
                client: "t-0042".to_owned(),
                will: Some(Will {
                    topic: "gone".to_owned(),
                    payload: Bytes::from_static(b"t-0042"),
                    delay: 0,
                }),
                user: Some("device".to_owned()),
                password: Some(Bytes::from_static(&[0, 1, 255])),
                properties: Properties::default(),
            };
            if version == Version::V5 {
                connect.properties.session_expiry = Some(9);
                connect.properties.receive_maximum = Some(8);
                connect.properties.packet_bytes_max = Some(7);
            }
            let mut out = BytesMut::new();
            connect.put(&mut out, version);
            let frame = frame(&mut out, 1000).unwrap().unwrap();
            assert_eq!(version_of(&frame), Ok(version));
            assert_eq!(Connect::read(&frame, version), Ok(connect));
        }
    }

    #[test]
    fn other_versions_and_protocols_are_told_apart() {
        let of = |body: &'static [u8]| {
            version_of(&Frame {
                first: 0x10,
                body: Bytes::from_static(body),
            })
        };
        assert_eq!(of(b"\0\x06MQIsdp\x03"), Err(Fault::VersionUnsupported));
        assert_eq!(of(b"\0\x04MQTT\x06"), Err(Fault::VersionUnsupported));
        assert!(matches!(of(b"\0\x04HTTP\x04"), Err(Fault::Malformed(_))));
    }
}

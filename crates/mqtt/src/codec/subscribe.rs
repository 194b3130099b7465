//! SUBSCRIBE, UNSUBSCRIBE and their answers [MQTT5 §3.8–§3.11].

use bytes::{BufMut as _, BytesMut};

use super::{Frame, Properties, Reader, kind, properties, put_binary, put_length, put_packet};
use crate::{Fault, Subscription, Version};

/// What a client asks for, as far as it takes to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The packet id.
    pub(crate) packet: u16,
    /// How many topic filters.
    pub(crate) filters: usize,
}

impl Asked {
    /// Reads SUBSCRIBE or UNSUBSCRIBE.
    pub(crate) fn read(frame: &Frame, version: Version) -> Result<Self, Fault> {
        let subscribes = frame.kind() == kind::SUBSCRIBE;
        let mut reader = Reader::new(&frame.body);
        let packet = reader.packet()?;
        if version == Version::V5 {
            let allowed = if subscribes {
                properties::SUBSCRIBE
            } else {
                properties::UNSUBSCRIBE
            };
            Properties::read(&mut reader, allowed)?;
        }
        let mut filters = 0;
        while !reader.rest.is_empty() {
            reader.text()?;
            if subscribes {
                reader.u8()?;
            }
            filters += 1;
        }
        if filters == 0 {
            return Err(Fault::Protocol("there is no topic filter"));
        }
        Ok(Self { packet, filters })
    }
}

/// Writes SUBACK or UNSUBACK with the same code for each filter, and for MQTT 5 the reason.
pub(crate) fn put_refusals(
    out: &mut BytesMut,
    version: Version,
    kind_of: u8,
    asked: Asked,
    (code, reason): (u8, &str),
) {
    let mut body = BytesMut::new();
    body.put_u16(asked.packet);
    if version == Version::V5 {
        put_length(&mut body, reason.len() + 3);
        properties::put_text(&mut body, 0x1F, reason);
    }
    if version == Version::V5 || kind_of == kind::SUBACK {
        body.put_bytes(code, asked.filters);
    }
    put_packet(out, kind_of, 0, &body);
}

/// What a broker granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The packet id.
    pub(crate) packet: u16,
    /// One code per filter; 0x80 and more: refused.
    pub(crate) codes: Vec<u8>,
}

impl Granted {
    /// Reads SUBACK or UNSUBACK.
    pub(crate) fn read(frame: &Frame, version: Version) -> Result<Self, Fault> {
        let mut reader = Reader::new(&frame.body);
        let packet = reader.packet()?;
        if version == Version::V5 {
            Properties::read(&mut reader, properties::ACKNOWLEDGEMENT)?;
        }
        Ok(Self {
            packet,
            codes: reader.rest.to_vec(),
        })
    }
}

/// Writes SUBSCRIBE.
pub(crate) fn put_subscribe(
    out: &mut BytesMut,
    version: Version,
    packet: u16,
    wanted: &[Subscription],
) {
    let mut body = BytesMut::new();
    body.put_u16(packet);
    if version == Version::V5 {
        body.put_u8(0);
    }
    for one in wanted {
        put_binary(&mut body, one.filter.as_str().as_bytes());
        // MQTT 5: what is retained comes with a new subscription only [MQTT5 §3.8.3.1].
        body.put_u8(one.qos.bits() | if version == Version::V5 { 0x10 } else { 0 });
    }
    put_packet(out, kind::SUBSCRIBE, 2, &body);
}

/// Writes UNSUBSCRIBE.
pub(crate) fn put_unsubscribe(
    out: &mut BytesMut,
    version: Version,
    packet: u16,
    unwanted: &[Subscription],
) {
    let mut body = BytesMut::new();
    body.put_u16(packet);
    if version == Version::V5 {
        body.put_u8(0);
    }
    for one in unwanted {
        put_binary(&mut body, one.filter.as_str().as_bytes());
    }
    put_packet(out, kind::UNSUBSCRIBE, 2, &body);
}

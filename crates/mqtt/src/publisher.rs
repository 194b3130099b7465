//! The other side of a listener: what a device does. For the model city, for loads and tests.

use bytes::Bytes;
use hashbrown::HashMap;

use crate::client::{Hello, hello};
use crate::codec::{Acknowledgement, Disconnect, kind, put_acknowledgement, put_publish};
use crate::pump::Wire;
use crate::tls::Address;
use crate::{ClientSettings, Fault, Qos, Version};

/// Unanswered messages at a server that names no number.
const WINDOW: u16 = 512;
/// Bytes after which what was written goes out.
const WRITE_BYTES: usize = 32 * 1024;

/// Publishes messages to a broker or to a listener, many at a time.
#[derive(Debug)]
pub struct Publisher {
    wire: Wire,
    version: Version,
    window: usize,
    packet: u16,
}

/// A message that the other side did not want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWanted {
    /// Which of those given.
    pub place: usize,
    /// The reason code.
    pub code: u8,
    /// The reason, if it was said.
    pub reason: String,
}

impl Publisher {
    /// Connects; subscriptions in the settings are passed over.
    pub async fn connect(settings: &ClientSettings) -> Result<Self, Fault> {
        let mut settings = settings.clone();
        if let Some(reach) = &settings.reach {
            settings.roots_pem.extend_from_slice(reach.roots_pem());
        }
        let address = Address::parse(&settings.url, &settings.roots_pem)?;
        // It speaks when it has something to say, and does not ping in between.
        settings.keep_alive_seconds = 0;
        let (wire, Hello { window, .. }) = hello(&settings, &address, true).await?;
        Ok(Self {
            wire,
            version: settings.version,
            window: usize::from(window.unwrap_or(WINDOW).min(WINDOW)),
            packet: 0,
        })
    }

    /// Publishes topics and payloads and returns when each was answered (QoS 0: when each was
    /// written), with those that were not wanted.
    pub async fn publish(
        &mut self,
        messages: &[(String, Bytes)],
        qos: Qos,
    ) -> Result<Vec<NotWanted>, Fault> {
        let mut unanswered = HashMap::new();
        let mut unwanted = Vec::new();
        for (place, (topic, payload)) in messages.iter().enumerate() {
            while unanswered.len() >= self.window {
                self.hear(&mut unanswered, &mut unwanted).await?;
            }
            let packet = self.next_packet(&unanswered);
            if qos != Qos::AtMostOnce {
                unanswered.insert(packet, place);
            }
            let out = &mut self.wire.outgoing;
            put_publish(out, self.version, qos, packet, topic, payload);
            if out.len() >= WRITE_BYTES {
                self.wire.flush().await?;
            }
        }
        while !unanswered.is_empty() {
            self.hear(&mut unanswered, &mut unwanted).await?;
        }
        self.wire.flush().await?;
        unwanted.sort_by_key(|one: &NotWanted| one.place);
        Ok(unwanted)
    }

    /// Listens until the other side ends the connection, and says why it did. To give up listening
    /// loses nothing.
    pub async fn ended(&mut self) -> Fault {
        loop {
            let frame = match self.wire.frame().await {
                Ok(frame) => frame,
                Err(fault) => return fault,
            };
            if frame.kind() == kind::DISCONNECT {
                return match Disconnect::read(&frame, self.version) {
                    Ok(Disconnect { code, reason, .. }) => Fault::Ended { code, reason },
                    Err(fault) => fault,
                };
            }
        }
    }

    /// Says good-bye.
    pub async fn disconnect(mut self) {
        Disconnect::put(&mut self.wire.outgoing, self.version, 0);
        self.wire.finish(false).await;
    }

    fn next_packet(&mut self, unanswered: &HashMap<u16, usize>) -> u16 {
        loop {
            self.packet = self.packet.wrapping_add(1).max(1);
            if !unanswered.contains_key(&self.packet) {
                return self.packet;
            }
        }
    }

    async fn hear(
        &mut self,
        unanswered: &mut HashMap<u16, usize>,
        unwanted: &mut Vec<NotWanted>,
    ) -> Result<(), Fault> {
        let frame = self.wire.frame().await?;
        let heard = frame.kind();
        match heard {
            kind::PUBACK | kind::PUBREC | kind::PUBCOMP => {}
            kind::DISCONNECT => {
                let Disconnect { code, reason, .. } = Disconnect::read(&frame, self.version)?;
                return Err(Fault::Ended { code, reason });
            }
            _ => return Ok(()),
        }
        let Acknowledgement {
            packet,
            code,
            reason,
        } = Acknowledgement::read(&frame, self.version)?;
        if heard == kind::PUBREC && code < 0x80 {
            let out = &mut self.wire.outgoing;
            put_acknowledgement(out, self.version, kind::PUBREL, packet, (0, ""));
            return Ok(());
        }
        if let Some(place) = unanswered.remove(&packet)
            && code >= 0x80
        {
            unwanted.push(NotWanted {
                place,
                code,
                reason,
            });
        }
        Ok(())
    }
}

//! A connection: bytes are read and written in large pieces, messages taken out on the way.

use std::fmt;
use std::sync::Arc;

use base::Time;
use bytes::BytesMut;
use ports::Clock;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::codec::{Disconnect, Frame, frame, kind};
use crate::inbound::Inbound;
use crate::{Fault, Version};

/// Bytes to read at once from a quiet connection, and from a busy one.
const READ_BYTES: (usize, usize) = (2 * 1024, 64 * 1024);
/// Bytes to be written beyond which nothing more is read: who does not listen is not listened to.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// How long a connection that ends may take over its last words.
const LAST_WORDS: i64 = 2_000_000;

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// The bytes of a connection.
pub(crate) struct Wire {
    reader: Reader,
    writer: Writer,
    incoming: BytesMut,
    /// What is to be written.
    pub(crate) outgoing: BytesMut,
    unflushed: bool,
    chunk: usize,
    /// Bytes of one packet.
    pub(crate) bytes_max: usize,
    clock: Arc<dyn Clock>,
    /// When the other side was last heard.
    pub(crate) heard: Time,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("incoming", &self.incoming.len())
            .field("outgoing", &self.outgoing.len())
            .finish_non_exhaustive()
    }
}

impl Wire {
    pub(crate) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        bytes_max: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            unflushed: false,
            chunk: READ_BYTES.0,
            bytes_max,
            heard: clock.now(),
            clock,
        }
    }

    /// The next packet.
    pub(crate) async fn frame(&mut self) -> Result<Frame, Fault> {
        loop {
            if let Some(frame) = frame(&mut self.incoming, self.bytes_max)? {
                return Ok(frame);
            }
            self.pass(true).await?;
        }
    }

    /// Reads or writes some bytes. To give up waiting loses nothing.
    async fn pass(&mut self, read: bool) -> Result<(), Fault> {
        let Self {
            reader,
            writer,
            incoming,
            outgoing,
            ..
        } = self;
        if incoming.is_empty() && self.chunk == READ_BYTES.0 {
            // A quiet connection does not hold on to what a burst has left.
            *incoming = BytesMut::new();
        }
        let unwritten = !outgoing.is_empty() || self.unflushed;
        tokio::select! {
            biased;
            pushed = push(writer, outgoing), if unwritten => self.unflushed = pushed?,
            taken = take(reader, incoming, self.chunk), if read => {
                let bytes = taken?;
                self.heard = self.clock.now();
                if bytes >= self.chunk {
                    self.chunk = (self.chunk * 2).min(READ_BYTES.1);
                } else if bytes < self.chunk / 4 {
                    self.chunk = (self.chunk / 2).max(READ_BYTES.0);
                }
            }
            else => std::future::pending().await,
        }
        Ok(())
    }

    /// Writes all that is to be written.
    pub(crate) async fn flush(&mut self) -> Result<(), Fault> {
        while !self.outgoing.is_empty() || self.unflushed {
            self.pass(false).await?;
        }
        Ok(())
    }

    /// Writes all that is to be written, within the time for last words, and closes. To linger is to
    /// wait until the other side closes too: a system that closes while something unread comes in
    /// takes back what it has sent.
    pub(crate) async fn finish(&mut self, linger: bool) {
        let deadline = self.clock.now().plus_micros(LAST_WORDS);
        let clock = Arc::clone(&self.clock);
        let last = async {
            self.flush().await?;
            self.writer.shutdown().await?;
            let (reader, incoming) = (&mut self.reader, &mut self.incoming);
            while linger && take(reader, incoming, READ_BYTES.1).await.is_ok() {
                incoming.clear();
            }
            Ok::<(), Fault>(())
        };
        tokio::select! {
            biased;
            ended = last => {
                if let Err(fault) = ended {
                    tracing::trace!(%fault, "a connection ended");
                }
            }
            () = clock.sleep_until(deadline) => {}
        }
    }
}

/// Writes some of what is to be written, or flushes what was: whether there is more to flush.
async fn push(writer: &mut Writer, outgoing: &mut BytesMut) -> Result<bool, Fault> {
    if outgoing.is_empty() {
        writer.flush().await?;
        return Ok(false);
    }
    match writer.write_buf(outgoing).await? {
        0 => Err(Fault::Closed),
        _ => Ok(true),
    }
}

/// Reads what has come; an end is a fault, since MQTT says good-bye.
async fn take(reader: &mut Reader, incoming: &mut BytesMut, chunk: usize) -> Result<usize, Fault> {
    incoming.reserve(chunk);
    match reader.read_buf(incoming).await? {
        0 => Err(Fault::Closed),
        bytes => Ok(bytes),
    }
}

/// A connection that is made.
#[derive(Debug)]
pub(crate) struct Pump {
    /// Its bytes.
    pub(crate) wire: Wire,
    /// Its messages.
    pub(crate) inbound: Inbound,
}

impl Pump {
    /// The next packet that is no message. To give up waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Frame, Fault> {
        loop {
            self.inbound.settle(&mut self.wire.outgoing)?;
            while self.may_read() {
                let Some(frame) = frame(&mut self.wire.incoming, self.wire.bytes_max)? else {
                    break;
                };
                match frame.kind() {
                    kind::PUBLISH => self.inbound.publish(&frame)?,
                    kind::PUBREL => self.inbound.release(&frame, &mut self.wire.outgoing)?,
                    _ => return Ok(frame),
                }
            }
            self.turn().await?;
        }
    }

    fn may_read(&self) -> bool {
        self.inbound.is_free() && self.wire.outgoing.len() < WRITE_BYTES_MAX
    }

    /// Waits until something is to be done.
    async fn turn(&mut self) -> Result<(), Fault> {
        let may_read = self.may_read();
        let ledger = Arc::clone(self.inbound.ledger());
        tokio::select! {
            biased;
            passed = self.wire.pass(may_read) => passed,
            moved = self.inbound.moved() => moved,
            () = ledger.changed() => {
                // Answers come in groups: a moment's patience sends them as one.
                tokio::task::yield_now().await;
                Ok(())
            }
        }
    }

    /// Whether the silence is ours: nothing is read because messages wait for their answers.
    pub(crate) fn is_held_up(&self) -> bool {
        !self.inbound.is_free()
    }

    /// Says why and closes. When the node stops, what was handed over may still be answered.
    pub(crate) async fn finish(mut self, why: &Fault) {
        if *why == Fault::Stopping {
            let deadline = self.wire.clock.now().plus_micros(LAST_WORDS);
            let clock = Arc::clone(&self.wire.clock);
            tokio::select! {
                biased;
                () = self.answer_all() => {}
                () = clock.sleep_until(deadline) => {}
            }
        }
        let (version, serves) = (self.inbound.terms().version, self.inbound.terms().serves);
        let code = match why.code() {
            // A client that stops does so normally; these codes are a server's [MQTT5 §3.14.2.1].
            Some(0x8B) if !serves => Some(0),
            Some(0x8D | 0x8E) if !serves => Some(0x80),
            code => code,
        };
        if let Some(code) = code
            && (version == Version::V5 || code == 0)
        {
            Disconnect::put(&mut self.wire.outgoing, version, code);
        }
        // It made a mistake, so it is there and may be sending still.
        let linger = matches!(code, Some(0x81..=0x83 | 0x90..=0x95));
        self.wire.finish(linger).await;
    }

    async fn answer_all(&mut self) {
        let ledger = Arc::clone(self.inbound.ledger());
        while self.inbound.settle(&mut self.wire.outgoing).is_ok() && ledger.len() > 0 {
            ledger.changed().await;
        }
    }
}

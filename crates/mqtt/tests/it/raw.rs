//! A peer that sends and reads bytes, and a listener for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Tasks;
use mqtt::{ClientSettings, Door, ListenSettings, Message, OpenDoor, Version, listen};
use testkit::{SeededEntropy, StepClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// CONNECT of "d" with a clean session: 3.1.1 and 5.
pub(crate) const CONNECT_3: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d";
pub(crate) const CONNECT_5: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01d";

/// A listener that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) messages: mpsc::Receiver<Message>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) tasks: Tasks,
}

impl Running {
    pub(crate) async fn open() -> Self {
        Self::with(Arc::new(OpenDoor), 1_000, |_| {}).await
    }

    pub(crate) async fn with(
        door: Arc<dyn Door>,
        queue: usize,
        change: impl FnOnce(&mut ListenSettings),
    ) -> Self {
        let clock = Arc::new(StepClock::default());
        let shown = Arc::clone(&clock);
        let mut settings = ListenSettings::new(shown, Arc::new(SeededEntropy::new(1)));
        change(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (out, messages) = mpsc::channel(queue);
        let tasks = Tasks::new();
        tasks.spawn(
            "listener",
            listen(listener, settings, door, out, tasks.clone()),
        );
        Self {
            address,
            messages,
            clock,
            tasks,
        }
    }

    pub(crate) fn client(&self, version: Version) -> ClientSettings {
        let url = format!("mqtt://{}", self.address);
        client(&self.clock, &url, version)
    }

    pub(crate) async fn message(&mut self) -> Message {
        timeout(PATIENCE, self.messages.recv())
            .await
            .expect("a message comes")
            .expect("the listener runs")
    }

    pub(crate) async fn raw(&self, hello: &[u8]) -> Raw {
        let mut raw = Raw(TcpStream::connect(self.address).await.unwrap());
        raw.send(hello).await;
        raw
    }

    /// A device that was let in.
    pub(crate) async fn device(&self, hello: &[u8]) -> Raw {
        let mut raw = self.raw(hello).await;
        let connack = raw.packet().await.unwrap();
        assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:?}");
        raw
    }
}

pub(crate) fn client(clock: &Arc<StepClock>, url: &str, version: Version) -> ClientSettings {
    let clock = Arc::clone(clock);
    let mut settings = ClientSettings::new(clock, Arc::new(SeededEntropy::new(2)), url, "node");
    settings.version = version;
    settings
}

/// A peer that sends and reads bytes.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next packet whole, its length being below 128; `None`: the connection was closed.
    pub(crate) async fn packet(&mut self) -> Option<Vec<u8>> {
        let mut head = [0; 2];
        let read = timeout(PATIENCE, self.0.read_exact(&mut head));
        if read.await.expect("something comes").is_err() {
            return None;
        }
        assert!(head[1] < 128, "a short packet");
        let mut packet = head.to_vec();
        packet.resize(2 + usize::from(head[1]), 0);
        self.0.read_exact(&mut packet[2..]).await.unwrap();
        Some(packet)
    }

    /// Nothing comes for a moment.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        timeout(Duration::from_millis(50), self.0.peek(&mut byte))
            .await
            .is_err()
    }
}

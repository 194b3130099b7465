//! With Mosquitto, where it is installed: other people's clients and broker.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base::Tasks;
use mqtt::{ClientState, Message, Publisher, Qos, Subscription, Version, subscribe};
use testkit::StepClock;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::raw::{PATIENCE, Running, client};

fn is_installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("-h")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        println!("skipped: {program} is not installed (Debian: mosquitto, mosquitto-clients)");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_pub_is_heard() {
    if !is_installed("mosquitto_pub") {
        return;
    }
    for version in ["311", "5"] {
        for qos in ["0", "1", "2"] {
            let mut node = Running::open().await;
            let port = node.address.port().to_string();
            let mut device = Command::new("mosquitto_pub")
                .args([
                    "-V", version, "-q", qos, "-p", &port, "-t", "city/air", "-l",
                ])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = device.stdin.take().unwrap();
            for n in 0..1_000 {
                writeln!(lines, "{n}").unwrap();
            }
            drop(lines);
            for n in 0..1_000 {
                let message = node.message().await;
                assert_eq!(&message.payload[..], n.to_string().as_bytes());
                message.accept();
            }
            let ended = tokio::task::spawn_blocking(move || device.wait());
            assert!(ended.await.unwrap().unwrap().success(), "{version} {qos}");
        }
    }
}

/// A broker on a port of its own that keeps its sessions in a folder.
struct Mosquitto {
    port: u16,
    folder: tempfile::TempDir,
    process: Child,
}

impl Mosquitto {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = tempfile::tempdir().unwrap();
        let process = Self::run(port, &folder);
        Self {
            port,
            folder,
            process,
        }
    }

    fn run(port: u16, folder: &tempfile::TempDir) -> Child {
        let path = folder.path().display();
        let settings = folder.path().join("mosquitto.conf");
        let said = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n\
             persistence_location {path}/\nmax_queued_messages 0\nuser root\n"
        );
        std::fs::write(&settings, said).unwrap();
        let process = Command::new("mosquitto")
            .arg("-c")
            .arg(&settings)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tries = (0..500).any(|_| {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() || {
                Command::new("sleep").arg("0.02").status().unwrap();
                false
            }
        });
        assert!(tries, "the broker came up");
        process
    }

    /// Ends it by SIGTERM, upon which it writes its sessions down, and starts it again.
    fn restart(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.process.wait().unwrap();
        self.process = Self::run(self.port, &self.folder);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mosquitto_that_dies_and_returns_costs_no_message() {
    if !is_installed("mosquitto") {
        return;
    }
    for version in [Version::V3, Version::V5] {
        let mut broker = Mosquitto::start();
        let clock = Arc::new(StepClock::default());
        let url = format!("mqtt://127.0.0.1:{}", broker.port);
        let mut settings = client(&clock, &url, version);
        settings.subscriptions = vec![Subscription {
            filter: "city/#".parse().unwrap(),
            qos: Qos::AtLeastOnce,
        }];
        let mut device = client(&clock, &url, version);
        device.client_id = "device".to_owned();
        let (out, messages) = mpsc::channel(10);
        let (shown, mut state) = watch::channel(ClientState::default());
        let tasks = Tasks::new();
        let inner = tasks.clone();
        tasks.spawn("client", async move {
            subscribe(settings, out, shown, inner).await.unwrap();
        });
        let connected = |state: &ClientState| matches!(state, ClientState::Connected { .. });
        timeout(PATIENCE, state.wait_for(connected))
            .await
            .unwrap()
            .unwrap();

        let mut publisher = Publisher::connect(&device).await.unwrap();
        let given: Vec<_> = (0..500)
            .map(|n| ("city/air".to_owned(), n.to_string().into()))
            .collect();
        publisher.publish(&given, Qos::AtLeastOnce).await.unwrap();
        let mut received = receive(messages, 100, Vec::new()).await;
        tokio::task::block_in_place(|| broker.restart());
        let mut seen = std::mem::take(&mut received.1);
        while seen.len() < 500 {
            clock.advance_seconds(5);
            received = receive(received.0, 50, seen).await;
            seen = std::mem::take(&mut received.1);
        }
        assert!(seen.into_iter().eq(0..500), "each once, if counted once");
        tasks.stop();
        timeout(PATIENCE, tasks.ended()).await.unwrap();
    }
}

/// Takes so many, or those that come within a moment, and accepts them.
async fn receive(
    mut messages: mpsc::Receiver<Message>,
    count: usize,
    seen: Vec<usize>,
) -> (mpsc::Receiver<Message>, Vec<usize>) {
    let mut all: std::collections::BTreeSet<usize> = seen.into_iter().collect();
    for _ in 0..count {
        match timeout(Duration::from_millis(200), messages.recv()).await {
            Ok(Some(message)) => {
                all.insert(
                    std::str::from_utf8(&message.payload)
                        .unwrap()
                        .parse()
                        .unwrap(),
                );
                message.accept();
            }
            _ => break,
        }
    }
    (messages, all.into_iter().collect())
}

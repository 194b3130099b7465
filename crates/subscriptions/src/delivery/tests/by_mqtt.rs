//! Notifications by MQTT, to a listener in the process and to Mosquitto where it is installed.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::mqtt::{ListenSettings, Message, OpenDoor, listen as serve};
use ports::Entropy;
use testkit::ScriptedOutbound;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// An outbox that may connect to this machine.
async fn outbox() -> (Arc<Outbox>, Means) {
    let means = Means {
        store: Arc::new(MemoryStore::new()),
        outbound: Arc::new(ScriptedOutbound::new()),
        clock: Arc::new(StepClock::default()),
        entropy: Arc::new(SeededEntropy::new(3)),
        tasks: Tasks::new(),
    };
    let outbox = Outbox::start(means.clone()).await.expect("an outbox");
    (outbox, means)
}

fn notification(to: &Arc<Subscription>, seq: u64) -> Notification {
    Notification {
        tenant: Tenant::new("north").expect("a tenant"),
        subscription: Arc::clone(to),
        about: vec![Name::from("urn:a:1")],
        body: Bytes::from(format!("{{\"n\":{seq}}}")),
        content_type: "application/json".to_owned(),
        link: Some("<http://c.example/>".to_owned()),
        seq: Seq(seq),
        at: Time::from_seconds(1),
    }
}

async fn heard(messages: &mut mpsc::Receiver<Message>) -> (String, Value) {
    let message = timeout(PATIENCE, messages.recv()).await.expect("in time");
    let message = message.expect("a message");
    let read = serde_json::from_slice(&message.payload).expect("JSON");
    let topic = message.topic.clone();
    message.accept();
    (topic, read)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_a_header_stands_beside_the_notification() {
    let (outbox, means) = outbox().await;
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let (out, mut messages) = mpsc::channel(64);
    let settings = ListenSettings::new(
        Arc::clone(&means.clock),
        Arc::clone(&means.entropy) as Arc<dyn Entropy>,
    );
    let tasks = means.tasks.clone();
    means.tasks.spawn("listener", async move {
        serve(socket, settings, Arc::new(OpenDoor), out, tasks).await;
    });
    for version in ["mqtt3.1.1", "mqtt5.0"] {
        for qos in ["0", "1", "2"] {
            let to = subscription(
                &format!("{version}{qos}"),
                json!({
                    "uri": format!("mqtt://127.0.0.1:{port}/city/air%20now"),
                    "receiverInfo": [{"key": "Quarter", "value": "n°1"}],
                    "notifierInfo": [
                        {"key": "MQTT-Version", "value": version},
                        {"key": "MQTT-QoS", "value": qos},
                    ],
                }),
            );
            for seq in 1..=20 {
                outbox.push(notification(&to, seq));
            }
            for seq in 1..=20 {
                let (topic, said) = heard(&mut messages).await;
                assert_eq!(topic, "city/air now");
                assert_eq!(said["body"], json!({"n": seq}), "{version} {qos}");
                let metadata = json!({
                    "Quarter": "n°1",
                    "Content-Type": "application/json",
                    "Link": "<http://c.example/>",
                    "NGSILD-Tenant": "north",
                });
                assert_eq!(said["metadata"], metadata);
            }
        }
    }
    assert_eq!(outbox.brokers.count(), 2, "one connection for each version");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_connected_to_is_not() {
    let (outbox, _means) = outbox().await;
    let to = subscription("a", json!({"uri": "mqtt://192.168.1.1/a"}));
    outbox.push(notification(&to, 1));
    let tenant = Tenant::new("north").expect("a tenant");
    let given_up = async {
        while outbox.dead_count(&tenant, &to) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, given_up).await.expect("in time");
    let why = outbox.report(&tenant, &to, (0, 1))["why"].to_string();
    assert!(why.contains("private address"), "{why}");
}

/// A broker on a port of its own, with a user.
struct Mosquitto {
    port: u16,
    folder: std::path::PathBuf,
    process: Child,
}

impl Mosquitto {
    fn start(name: &str) -> Option<Self> {
        let installed = Command::new("mosquitto_passwd").arg("-h").output().is_ok();
        if !installed {
            println!("skipped: mosquitto is not installed");
            return None;
        }
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let name = format!("chorsu-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let passwords = folder.join("passwords");
        let made = Command::new("mosquitto_passwd")
            .args(["-c", "-b"])
            .arg(&passwords)
            .args(["an", "s:cret"])
            .status();
        assert!(made.unwrap().success());
        drop(socket);
        let process = Self::run(port, &folder);
        Some(Self {
            port,
            folder,
            process,
        })
    }

    fn run(port: u16, folder: &std::path::Path) -> Child {
        let settings = folder.join("mosquitto.conf");
        let mut file = std::fs::File::create(&settings).unwrap();
        let passwords = folder.join("passwords");
        let passwords = passwords.display();
        let said = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
        );
        file.write_all(said.as_bytes()).unwrap();
        let mut process = Command::new("mosquitto");
        let process = process.arg("-c").arg(&settings).stderr(Stdio::null());
        let process = process.spawn().unwrap();
        let up = (0..500).any(|_| {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() || {
                Command::new("sleep").arg("0.02").status().unwrap();
                false
            }
        });
        assert!(up, "the broker came up");
        process
    }

    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::run(self.port, &self.folder);
    }

    /// Somebody else's client that prints so many payloads.
    fn listen(&self, count: usize) -> Child {
        let port = self.port.to_string();
        let count = count.to_string();
        let arguments = [
            "-p", &port, "-u", "an", "-P", "s:cret", "-t", "city/#", "-q", "2", "-W", "20", "-C",
            &count,
        ];
        let mut client = Command::new("mosquitto_sub");
        let client = client
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Command::new("sleep").arg("0.5").status().unwrap();
        client
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

async fn printed(client: Child) -> Vec<Value> {
    let output = tokio::task::spawn_blocking(move || client.wait_with_output());
    let output = output.await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_takes_notifications_and_may_go_and_come_back() {
    let Some(mut broker) = Mosquitto::start("delivery") else {
        return;
    };
    let (outbox, _means) = outbox().await;
    for version in ["mqtt3.1.1", "mqtt5.0"] {
        for qos in ["0", "1", "2"] {
            let uri = format!("mqtt://an:s%3Acret@127.0.0.1:{}/city/air", broker.port);
            let info = json!([
                {"key": "MQTT-Version", "value": version},
                {"key": "MQTT-QoS", "value": qos},
            ]);
            let to = subscription(
                &format!("{version}{qos}"),
                json!({"uri": uri, "notifierInfo": info}),
            );
            // It goes while nobody speaks: what comes next is not said into a connection that is gone.
            broker.restart();
            let client = broker.listen(20);
            for seq in 1..=20 {
                outbox.push(notification(&to, seq));
            }
            let said = printed(client).await;
            let expected: Vec<Value> = (1..=20).map(|n| json!({ "n": n })).collect();
            let said: Vec<Value> = said.iter().map(|one| one["body"].clone()).collect();
            assert_eq!(said, expected, "{version} {qos}");
        }
    }
}

//! What becomes of notifications, over HTTP: why one was not delivered, dead letters, listeners.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use base::Tasks;
use futures_util::StreamExt as _;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::node::{Answer, Node};

const ID: &str = "urn:ngsi-ld:Subscription:1";
const PATIENCE: Duration = Duration::from_secs(20);

async fn subscribe(node: &Node, uri: &str) {
    let subscription = json!({
        "id": ID, "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"format": "keyValues", "endpoint": {"uri": uri}},
    });
    node.write("POST", "/subscriptions", subscription).await;
}

async fn heat(node: &Node, degrees: i64) {
    let room = json!([{
        "id": "urn:ngsi-ld:Room:1", "type": "Room",
        "temperature": {"type": "Property", "value": degrees},
    }]);
    node.write("POST", "/entityOperations/upsert", room).await;
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

async fn send(node: &Node, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/subscriptions/{ID}{path}"))
        .header("content-length", 0);
    node.send(request.body(Body::empty()).expect("a request"))
        .await
}

#[tokio::test]
async fn it_is_said_why_something_was_not_delivered_and_it_can_be_replayed() {
    let node = Node::new(100);
    subscribe(&node, "http://listener.example/notify").await;
    let quiet = send(&node, "GET", "/deliveries").await;
    assert_eq!(
        quiet.body["why"],
        "nothing had to be delivered since the node started"
    );
    for degrees in [20, 21] {
        node.outbound.reply("http://listener", StatusCode::GONE, "");
        heat(&node, degrees).await;
    }
    let report = send(&node, "GET", "/deliveries?limit=1").await;
    assert_eq!(report.status, StatusCode::OK);
    assert_eq!(report.body["deadLetterCount"], 2, "{}", report.text);
    assert_eq!(report.body["deadLetters"].as_array().map(Vec::len), Some(1));
    assert!(report.headers.contains_key("link"), "there is another page");
    assert_eq!(report.body["attempts"][0]["status"], 410);
    let why = report.body["why"].as_str().expect("a sentence");
    assert!(why.contains("410 Gone"), "{why}");
    let shown = node.get(&format!("/subscriptions/{ID}")).await;
    assert_eq!(
        shown.body["notification"]["timesFailed"], 2,
        "{}",
        shown.text
    );

    let letter = report.body["deadLetters"][0]["id"].as_str().expect("an id");
    let dead = send(&node, "GET", &format!("/deliveries/dead/{letter}")).await;
    assert_eq!(dead.headers["content-type"], "application/json");
    assert_eq!(dead.body["data"][0]["temperature"], 20);

    let replay = format!("/deliveries/replay?letter={letter}");
    node.outbound.reply("http://listener", StatusCode::OK, "");
    let replayed = send(&node, "POST", &replay).await;
    assert_eq!(replayed.body, json!({"replayed": 1}));
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.outbound.asked().len(), 3);
    assert_eq!(
        send(&node, "POST", &replay).await.status,
        StatusCode::NOT_FOUND
    );
    let gone = send(&node, "DELETE", "/deliveries/dead").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let report = send(&node, "GET", "/deliveries").await;
    assert_eq!(report.body["deadLetterCount"], 0);
    let again = send(&node, "GET", &format!("/deliveries/dead/{letter}")).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_asked_wrongly_or_by_strangers_is_refused() {
    let node = Node::new(100);
    for path in ["/deliveries", "/events"] {
        assert_eq!(send(&node, "GET", path).await.status, StatusCode::NOT_FOUND);
    }
    subscribe(&node, "http://listener.example/notify").await;
    for (method, path) in [
        ("GET", "/deliveries?letter=1"),
        ("GET", "/deliveries/dead/first"),
        ("POST", "/deliveries/replay?letter=-1"),
        ("DELETE", "/deliveries/dead?letter="),
        ("GET", "/events?lastEventId=x"),
        ("GET", "/events?since=1"),
    ] {
        let answer = send(&node, method, path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}");
    }
    let closed = Node::closed();
    for (method, path) in [
        ("GET", "/deliveries"),
        ("GET", "/deliveries/dead/1"),
        ("POST", "/deliveries/replay"),
        ("DELETE", "/deliveries/dead"),
        ("GET", "/events"),
    ] {
        let answer = send(&closed, method, path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

/// A stream of events.
struct Events(BodyDataStream);

impl Events {
    async fn open(node: &Node, after: Option<&str>) -> Self {
        let mut request = Request::builder().uri(format!("/subscriptions/{ID}/events"));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = request.body(Body::empty()).expect("a request");
        let reply = node.app().oneshot(request).await.expect("an answer");
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        Self(reply.into_body().into_data_stream())
    }

    /// The name, the id and the data of the next event.
    async fn next(&mut self) -> (String, String, Value) {
        let chunk = timeout(PATIENCE, self.0.next()).await.expect("in time");
        let chunk = chunk.expect("an event").expect("no error");
        let text = String::from_utf8_lossy(&chunk).into_owned();
        let field = |name: &str| {
            let mut lines = text.lines();
            let found = lines.find_map(|line| line.strip_prefix(name));
            found.unwrap_or_default().to_owned()
        };
        let data = serde_json::from_str(&field("data: ")).expect("JSON");
        (field("event: "), field("id: "), data)
    }
}

#[tokio::test]
async fn notifications_are_heard_as_events_and_the_missed_ones_after_coming_back() {
    let node = Node::new(100);
    subscribe(&node, "events:room").await;
    let mut events = Events::open(&node, None).await;
    let (name, _, data) = events.next().await;
    assert_eq!((name.as_str(), data), ("begin", json!({"missed": false})));
    heat(&node, 20).await;
    let (name, id, data) = events.next().await;
    assert_eq!(name, "notification");
    assert_eq!(
        (&data["type"], &data["subscriptionId"]),
        (&json!("Notification"), &json!(ID))
    );
    assert_eq!(data["data"][0]["temperature"], 20);
    drop(events);
    for degrees in [21, 22] {
        heat(&node, degrees).await;
    }
    let mut events = Events::open(&node, Some(&id)).await;
    assert_eq!(events.next().await.0, "begin");
    for degrees in [21, 22] {
        let (_, _, data) = events.next().await;
        assert_eq!(data["data"][0]["temperature"], degrees);
    }
    let path = format!("/subscriptions/{ID}");
    node.ask("DELETE", &path, None).await;
    let (name, _, data) = events.next().await;
    assert_eq!(name, "end");
    assert_eq!(data["reason"], "the subscription is no more");
    assert!(
        timeout(PATIENCE, events.0.next())
            .await
            .expect("in time")
            .is_none()
    );
}

/// The next frame of a WebSocket server: what kind it is, and what it says.
async fn frame(socket: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0_u8; 2];
    socket.read_exact(&mut head).await.expect("a frame");
    let length = match head[1] {
        126 => usize::from(socket.read_u16().await.expect("a length")),
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    socket.read_exact(&mut payload).await.expect("a payload");
    (head[0] & 0x0f, payload)
}

/// Asks for a WebSocket; the status line comes back.
async fn upgrade(socket: &mut TcpStream, origin: &str) -> String {
    let request = format!(
        "GET /subscriptions/{ID}/events HTTP/1.1\r\nHost: node.example\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nOrigin: {origin}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.expect("a head"));
    }
    String::from_utf8_lossy(&head)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn notifications_are_heard_by_websocket_but_not_by_pages_of_others() {
    let node = Node::new(100);
    subscribe(&node, "http://listener.example/notify").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (tasks, app) = (Tasks::new(), node.app());
    tasks.spawn("server", async move {
        axum::serve(listener, app).await.expect("it serves");
    });
    let mut stranger = TcpStream::connect(address).await.expect("a connection");
    let refused = upgrade(&mut stranger, "http://evil.example").await;
    assert!(refused.contains("403"), "{refused}");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let taken = upgrade(&mut socket, "http://node.example").await;
    assert!(taken.contains("101"), "{taken}");
    let read = |payload: &[u8]| serde_json::from_slice::<Value>(payload).expect("JSON");
    let (kind, payload) = frame(&mut socket).await;
    assert_eq!((kind, &read(&payload)["event"]), (1, &json!("begin")));
    heat(&node, 20).await;
    let heard = timeout(PATIENCE, frame(&mut socket)).await;
    let (kind, payload) = heard.expect("in time");
    let said = read(&payload);
    assert_eq!((kind, &said["event"]), (1, &json!("notification")));
    assert_eq!(said["data"]["data"][0]["temperature"], 20);
    assert!(
        said["id"]
            .as_str()
            .is_some_and(|id| id.parse::<u64>().is_ok())
    );
    node.ask("DELETE", &format!("/subscriptions/{ID}"), None)
        .await;
    let (kind, payload) = timeout(PATIENCE, frame(&mut socket))
        .await
        .expect("in time");
    assert_eq!(kind, 8, "it is closed");
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
    assert_eq!(reason, "the subscription is no more");
}

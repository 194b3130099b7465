//! A feed as the client of a broker, which is played here packet by packet [MQTT3].

use feeds::State;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::kit::{AIR, Node, reading};

const CONNECT: u8 = 0x10;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const UNSUBSCRIBE: u8 = 0xA2;
const DISCONNECT: u8 = 0xE0;

/// The next packet: its first byte and what follows its length, which is short here.
async fn packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = socket.read_u8().await.ok()?;
    let length = socket.read_u8().await.ok()?;
    assert!(length < 128, "a packet of the tests is short");
    let mut body = vec![0; usize::from(length)];
    socket.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// Takes a connection and a subscription.
async fn greet(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = listener.accept().await.expect("a connection");
    let (first, body) = packet(&mut socket).await.expect("a packet");
    assert_eq!(
        (first, body[7] & 0b10),
        (CONNECT, 0),
        "it comes back to its session"
    );
    socket
        .write_all(&[0x20, 2, 0, 0])
        .await
        .expect("it listens");
    let (first, body) = packet(&mut socket).await.expect("a packet");
    assert_eq!(first, SUBSCRIBE);
    socket
        .write_all(&[0x90, 3, body[0], body[1], 1])
        .await
        .expect("it listens");
    socket
}

async fn publish(socket: &mut TcpStream, id: u8, topic: &str, payload: &str) {
    let short = |length: usize| u8::try_from(length).expect("it is short");
    let length = short(4 + topic.len() + payload.len());
    assert!(length < 128);
    let mut bytes = vec![0x32, length, 0, short(topic.len())];
    bytes.extend(topic.bytes().chain([0, id]).chain(payload.bytes()));
    socket.write_all(&bytes).await.expect("it listens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broker_tells_is_acknowledged_when_it_is_stored() {
    let node = Node::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let source =
        format!("\"mqtt\"\nurl = \"mqtt://{address}\"\ntopics = [\"city/air/+\"]\nversion = 3");
    let text = AIR.replace("\"listener\"\ntopic = \"city/air/+\"", &source);
    node.feed("air", &text).await;
    let mut socket = greet(&listener).await;
    let short = reading("00:00:00", 1.5).replace(",\"maker\":\"Plantower\"", "");
    publish(&mut socket, 7, "city/air/1", &short).await;
    assert_eq!(packet(&mut socket).await, Some((PUBACK, vec![0, 7])));
    assert!(node.entity("urn:x:air:1").await.is_some());

    // The broker dies with a message under way, and comes back with it.
    drop(socket);
    node.until("the feed sees it", || {
        node.health("air").state == State::Failing
    })
    .await;
    let (mut socket, ()) = tokio::join!(greet(&listener), async {
        node.clock.advance_seconds(600);
    });
    publish(&mut socket, 8, "city/air/2", &short).await;
    assert_eq!(packet(&mut socket).await, Some((PUBACK, vec![0, 8])));
    assert_eq!(node.health("air").accepted, 2);

    // With another mapping it comes back to the same session; taken away, it leaves it.
    let changed = text.replace("\"GQ\"", "\"GP\"");
    let ((), again) = tokio::join!(node.feed("air", &changed), greet(&listener));
    let last = packet(&mut socket).await.map(|(first, _)| first);
    assert_eq!(last, Some(DISCONNECT), "it does not unsubscribe");
    let mut socket = again;
    let removed = node.feeds.remove("air");
    let (removed, last) = tokio::join!(removed, packet(&mut socket));
    removed.expect("it is taken away");
    assert_eq!(last.map(|(first, _)| first), Some(UNSUBSCRIBE));
}

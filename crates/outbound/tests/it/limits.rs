//! How much and how long a reply may be.

use std::sync::Arc;

use base::{Kind, Time};
use outbound::{Allow, Client, Settings};
use ports::{Clock, Outbound as _, OutboundError};

use super::listener::{Stand, client, get, listen};

#[tokio::test]
async fn a_reply_that_announces_too_much_is_refused() {
    let listener = listen("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n").await;
    let fault = client(Allow::Loopback)
        .send(get(format!("http://{}/", listener.address)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            fault,
            OutboundError::ReplyTooLarge {
                bytes_max: 1_000,
                ..
            }
        ),
        "{fault}"
    );
}

#[tokio::test]
async fn a_reply_that_grows_too_large_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let fits = listen(format!("{head}{chunk}{chunk}0\r\n\r\n")).await;
    let reply = client(Allow::Loopback)
        .send(get(format!("http://{}/", fits.address)))
        .await
        .unwrap();
    assert_eq!(reply.body.len(), 1_000);
    let grows = listen([head, &chunk.repeat(3)].concat()).await;
    let fault = client(Allow::Loopback)
        .send(get(format!("http://{}/", grows.address)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            fault,
            OutboundError::ReplyTooLarge {
                bytes_max: 1_000,
                ..
            }
        ),
        "{fault}"
    );
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let listener = listen(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1_000_000))).await;
    let fault = client(Allow::Loopback)
        .send(get(format!("http://{}/", listener.address)))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, OutboundError::Unreachable { .. }),
        "{fault}"
    );
}

#[tokio::test]
async fn the_deadline_ends_an_exchange_that_hangs() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let mut listener = listen(answer).await;
        let clock = Stand::new();
        let settings = Settings {
            allow: Allow::Loopback,
            ..Settings::default()
        };
        let client = Client::new(&settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let asked = client.send(get(format!("http://{}/", listener.address)));
        let passing = async {
            listener.heads.recv().await.unwrap();
            clock.set(Time(5_000_000));
        };
        let (reply, ()) = tokio::join!(asked, passing);
        let fault = reply.unwrap_err();
        assert!(
            matches!(fault, OutboundError::TimedOut { .. }),
            "{answer:?}: {fault}"
        );
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let mut listener = listen("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut request = get(format!("http://{}/", listener.address));
    request.deadline = Time(0);
    let fault = client(Allow::Loopback).send(request).await.unwrap_err();
    assert!(matches!(fault, OutboundError::TimedOut { .. }), "{fault}");
    assert!(listener.heads.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn exchanges_wait_for_one_another_within_their_deadline() {
    let mut silent = listen("").await;
    let clock = Stand::new();
    let settings = Settings {
        allow: Allow::Loopback,
        exchanges_max: 1,
        ..Settings::default()
    };
    let client = Client::new(&settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let url = format!("http://{}/", silent.address);
    let mut patient = get(&url);
    patient.deadline = Time(9_000_000);
    let passing = async {
        silent.heads.recv().await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(silent.heads.try_recv().is_err(), "the second waits");
        clock.set(Time(5_000_000));
        silent.heads.recv().await.unwrap();
        clock.set(Time(9_000_000));
    };
    let (first, second, ()) = tokio::join!(client.send(get(&url)), client.send(patient), passing);
    assert!(matches!(first.unwrap_err(), OutboundError::TimedOut { .. }));
    assert!(matches!(
        second.unwrap_err(),
        OutboundError::TimedOut { .. }
    ));
}

#[tokio::test]
async fn a_body_on_its_way_is_read_chunk_by_chunk() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    // The body never ends: what has come is told all the same.
    let listener = listen(format!("{head}5\r\nhello\r\n")).await;
    let request = get(format!("http://{}/", listener.address));
    let mut streamed = client(Allow::Loopback).stream(request).await.unwrap();
    assert_eq!(streamed.status, 200);
    let first = streamed.body.next().await.unwrap().unwrap();
    assert_eq!(&first[..], b"hello");

    let listener = listen(format!("{head}5\r\nhello\r\n0\r\n\r\n")).await;
    let mut request = get(format!("http://{}/", listener.address));
    request.reply_bytes_max = 4;
    let mut streamed = client(Allow::Loopback).stream(request).await.unwrap();
    let fault = streamed.body.next().await.unwrap().unwrap_err();
    assert_eq!(fault.kind(), Kind::Limit);
    let refused = client(Allow::Public)
        .stream(get(format!("http://{}/", listener.address)))
        .await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Forbidden);
}

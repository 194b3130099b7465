//! A listener that answers with given bytes, a clock that stands until told, and a client between them.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::Time;
use http::{HeaderMap, Method};
use outbound::{Allow, Client, Settings};
use ports::{Clock, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// A clock whose time is set by the test.
#[derive(Debug)]
pub(crate) struct Stand(watch::Sender<Time>);

impl Stand {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Time(0))))
    }

    pub(crate) fn set(&self, time: Time) {
        self.0.send_replace(time);
    }
}

#[async_trait]
impl Clock for Stand {
    fn now(&self) -> Time {
        *self.0.borrow()
    }

    async fn sleep_until(&self, time: Time) {
        let mut now = self.0.subscribe();
        now.wait_for(|now| *now >= time)
            .await
            .expect("the clock lives as long as its sleepers");
    }
}

/// Answers every connection with the same bytes once a request's head has come, keeps the heads, and
/// never hangs up.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) heads: mpsc::Receiver<String>,
}

pub(crate) async fn listen(answer: impl Into<Vec<u8>>) -> Listener {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = mpsc::channel(16);
    base::Tasks::new().spawn("listener", async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            let mut chunk = [0; 4096];
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match socket.read(&mut chunk).await {
                    Ok(count) if count > 0 => head.extend_from_slice(&chunk[..count]),
                    _ => break,
                }
            }
            sender.send(String::from_utf8(head).unwrap()).await.unwrap();
            // The client may hang up before it has taken everything.
            let _taken = socket.write_all(&answer).await;
            open.push(socket);
        }
    });
    Listener { address, heads }
}

pub(crate) fn client(allow: Allow) -> Client {
    client_with(&Settings {
        allow,
        ..Settings::default()
    })
}

pub(crate) fn client_with(settings: &Settings) -> Client {
    Client::new(settings, Stand::new()).unwrap()
}

pub(crate) fn get(url: impl Into<String>) -> Request {
    Request {
        method: Method::GET,
        url: url.into(),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        deadline: Time(5_000_000),
        reply_bytes_max: 1_000,
    }
}

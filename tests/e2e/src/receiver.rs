//! Somebody who is told: a small HTTP server that keeps every notification.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// How long one request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A receiver, for as long as the test process lives.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Listens on a free port. A notification is acknowledged after it has been kept.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keep = Arc::clone(&keep);
                std::thread::spawn(move || serve(stream, &keep));
            }
        });
        Ok(Self { port, told })
    }

    /// Where it wants to be told.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/notify", self.port)
    }

    /// What it was told so far, in the order of arrival.
    pub fn told(&self) -> Vec<Value> {
        self.told.lock().map_or_else(
            |poisoned| poisoned.into_inner().clone(),
            |told| told.clone(),
        )
    }
}

/// Answers the requests of a connection, until the sender ends it or says nothing any more.
fn serve(mut stream: TcpStream, keep: &Mutex<Vec<Value>>) {
    let mut bytes = Vec::new();
    while let Ok(Some(body)) = request(&mut stream, &mut bytes) {
        if let (Ok(mut told), Ok(said)) = (keep.lock(), serde_json::from_slice(&body)) {
            told.push(said);
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// The body of the next request; what follows it stays in `bytes`. `None`: the sender has ended.
fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<Option<Vec<u8>>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut chunk = [0; 8_192];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.context("no length")?.1.trim().parse()?;
            let start = end + 4;
            if bytes.len() >= start + length {
                let rest = bytes.split_off(start + length);
                let body = bytes.split_off(start);
                *bytes = rest;
                return Ok(Some(body));
            }
        }
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Http;
    use serde_json::json;

    #[test]
    fn what_was_said_is_kept_and_acknowledged() {
        let receiver = Receiver::start().expect("a receiver");
        let http = Http::new(receiver.port);
        let answer = http.post("/notify", &json!({"id": 1})).expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(receiver.told(), [json!({"id": 1})]);
    }
}

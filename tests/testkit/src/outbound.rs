//! HTTP going out that answers what the test says.

use std::collections::VecDeque;

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use ports::{Outbound, OutboundError, Reply, Request};

/// Answers by a script and keeps what it was asked.
#[derive(Debug, Default)]
pub struct ScriptedOutbound {
    script: Mutex<VecDeque<(String, Result<Reply, OutboundError>)>>,
    asked: Mutex<Vec<Request>>,
}

impl ScriptedOutbound {
    /// Nobody can be reached yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next request to a URL that begins so gets this reply, once.
    pub fn reply(&self, url: &str, status: StatusCode, body: impl Into<Bytes>) {
        let reply = Reply {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        };
        self.script.lock().push_back((url.to_owned(), Ok(reply)));
    }

    /// The next request to a URL that begins so fails, once.
    pub fn fail(&self, url: &str, error: OutboundError) {
        self.script.lock().push_back((url.to_owned(), Err(error)));
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl Outbound for ScriptedOutbound {
    async fn send(&self, request: Request) -> Result<Reply, OutboundError> {
        let url = request.url.clone();
        self.asked.lock().push(request.clone());
        let mut script = self.script.lock();
        let place = script
            .iter()
            .position(|(start, _)| url.starts_with(start.as_str()));
        match place.and_then(|place| script.remove(place)) {
            Some((_, Ok(reply))) if reply.body.len() > request.reply_bytes_max => {
                let bytes_max = request.reply_bytes_max;
                Err(OutboundError::ReplyTooLarge {
                    host: url,
                    bytes_max,
                })
            }
            Some((_, answer)) => answer,
            None => {
                let reason = "the script says nothing of it".to_owned();
                Err(OutboundError::Unreachable { host: url, reason })
            }
        }
    }

    /// This machine alone, and only by its number.
    async fn reach(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        match host.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => Ok(vec![SocketAddr::new(address, port)]),
            _ => Err(OutboundError::AddressForbidden {
                host: host.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use http::Method;

    #[tokio::test]
    async fn replies_come_once_and_in_order_and_nobody_else_is_there() {
        let outbound = ScriptedOutbound::new();
        outbound.reply("http://a", StatusCode::OK, "1");
        outbound.reply("http://a", StatusCode::OK, "2");
        let mut bodies = Vec::new();
        for url in ["http://a/x", "http://b", "http://a/y", "http://a/z"] {
            let request = Request {
                method: Method::GET,
                url: url.to_owned(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
                deadline: Time::MAX,
                reply_bytes_max: 10,
            };
            bodies.push(outbound.send(request).await.ok().map(|reply| reply.body));
        }
        assert_eq!(
            bodies,
            [Some(Bytes::from("1")), None, Some(Bytes::from("2")), None]
        );
        assert_eq!(outbound.asked().len(), 4);
    }
}

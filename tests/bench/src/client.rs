//! The smallest HTTP/1.1 client that keeps its connection: it costs the machine little.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, its body left in the buffer of the client until the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes before the body.
    len: usize,
    /// Bytes of the body; `None`: chunked.
    body: Option<usize>,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.send_long(request, &[]).await
    }

    /// Sends a request whose body is long, and reads its answer.
    pub(crate) async fn send_long(
        &mut self,
        begin: &[u8],
        body: &[u8],
    ) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(begin).await?;
        self.stream.write_all(body).await?;
        self.buffer.clear();
        let head = loop {
            self.fill().await?;
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
        };
        let Some(body) = head.body else {
            return self.chunked(&head).await;
        };
        while self.buffer.len() < head.len + body {
            self.fill().await?;
        }
        let body = self.buffer.get(head.len..).unwrap_or_default();
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }

    async fn chunked(&mut self, head: &Head) -> anyhow::Result<Answer<'_>> {
        let mut at = head.len;
        let mut body = Vec::new();
        loop {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let Some(line) = memmem::find(rest, b"\r\n") else {
                self.fill().await?;
                continue;
            };
            let size = std::str::from_utf8(rest.get(..line).unwrap_or_default())?;
            let size = usize::from_str_radix(size.trim(), 16)?;
            let start = at + line + 2;
            while self.buffer.len() < start + size + 2 {
                self.fill().await?;
            }
            body.extend_from_slice(self.buffer.get(start..start + size).unwrap_or_default());
            at = start + size + 2;
            if size == 0 {
                break;
            }
        }
        self.buffer = body;
        Ok(Answer {
            status: head.status,
            body: &self.buffer,
        })
    }
}

/// The head of an answer once it is all there.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("no status")?;
    let status: u16 = status.parse()?;
    let mut body = if status == 204 { Some(0) } else { None };
    let mut is_chunked = false;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            body = Some(value.trim().parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = true;
        }
    }
    if body.is_none() && !is_chunked {
        bail!("an answer of unknown length");
    }
    Ok(Some(Head {
        status,
        len: end + 4,
        body,
    }))
}

/// A request without a body.
pub(crate) fn get(path: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n");
}

/// A request with a JSON body.
pub(crate) fn send(method: &str, path: &str, body: &[u8], out: &mut Vec<u8>) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Type: a\r\ncontent-length: 5\r\n\r\nhello";
        for len in 0..text.len() - 5 {
            assert_eq!(head(&text[..len]).unwrap(), None, "{len}");
        }
        let whole = Head {
            status: 200,
            len: text.len() - 5,
            body: Some(5),
        };
        assert_eq!(head(text).unwrap(), Some(whole));
        let empty = head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(
            empty,
            Some(Head {
                status: 204,
                len: 27,
                body: Some(0)
            })
        );
        let chunked = head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!(chunked.and_then(|head| head.body), None);
        head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err();
    }
}

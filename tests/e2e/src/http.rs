//! A small HTTP client that can also misbehave: it sends exactly what it is told.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// How long a node may take for one answer before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whom to ask, and with which headers.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where the node is, on this machine.
    pub port: u16,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Http {
    /// A client without further headers.
    pub fn new(port: u16) -> Self {
        Self {
            port,
            headers: Vec::new(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, None)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        self.send("DELETE", path, None)
    }

    /// POST of JSON, or of LD+JSON when it has an @context.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send_json("POST", path, body)
    }

    /// PATCH of JSON.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send_json("PATCH", path, body)
    }

    fn send_json(&self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let first = body.get(0).unwrap_or(body);
        let is_ld = first.get("@context").is_some();
        let media = if is_ld {
            "application/ld+json"
        } else {
            "application/json"
        };
        self.send(method, path, Some((media, body.to_string().as_bytes())))
    }

    /// Sends a request with or without a body.
    pub fn send(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Result<Answer> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\n",
            self.port
        );
        for (name, value) in &self.headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        let mut bytes = Vec::new();
        if let Some((media, body)) = body {
            write!(
                request,
                "Content-Type: {media}\r\nContent-Length: {}\r\n",
                body.len()
            )?;
            bytes = body.to_vec();
        }
        request.push_str("Connection: close\r\n\r\n");
        let mut whole = request.into_bytes();
        whole.append(&mut bytes);
        self.send_raw(&whole)
    }

    /// Sends bytes as they are and reads the answer until the node closes.
    pub fn send_raw(&self, bytes: &[u8]) -> Result<Answer> {
        let mut stream = self.connect()?;
        // A node that has seen enough may close before everything is sent: its answer counts.
        let sent = stream.write_all(bytes);
        read_answer(&mut stream).with_context(|| format!("sent: {sent:?}"))
    }

    /// A bare connection.
    pub fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

/// Reads one answer, up to the end of the connection.
pub fn read_answer(stream: &mut TcpStream) -> Result<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            // The node closed while bytes of ours were under way: what it said before counts.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error.into()),
        }
        if is_whole(&bytes) {
            break;
        }
    }
    let mut answer = parse(&bytes)?;
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = dechunk(&answer.body)?;
    }
    Ok(answer)
}

/// What chunks hold together; one that is cut off is an error.
fn dechunk(mut bytes: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n");
        let line = line.context("a chunk without a size")?;
        let size = std::str::from_utf8(bytes.get(..line).unwrap_or_default())?;
        let size = usize::from_str_radix(size.trim(), 16)?;
        if size == 0 {
            return Ok(body);
        }
        let start = line + 2;
        body.extend_from_slice(bytes.get(start..start + size).context("a cut chunk")?);
        bytes = bytes.get(start + size + 2..).context("a cut chunk")?;
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Ok(answer) = parse(bytes) else {
        return false;
    };
    let length = answer
        .header("content-length")
        .and_then(|text| text.parse::<usize>().ok());
    length.is_some_and(|length| answer.body.len() >= length)
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.with_context(|| format!("no answer: {}", String::from_utf8_lossy(bytes)))?;
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or("");
    ensure!(first.starts_with("HTTP/1.1 "), "no HTTP answer: {first}");
    let status = first.split(' ').nth(1).context("no status")?.parse()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Ok(Answer {
        status,
        headers,
        body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
    })
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| self.text())
    }
}

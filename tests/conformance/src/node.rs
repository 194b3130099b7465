//! One running `chorsu` with an empty data folder, for as long as the value lives.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// How long a node may take to answer on an empty folder.
const START_TRIES: u32 = 600;
const START_STEP: Duration = Duration::from_millis(100);

/// A running node. Dropping it ends the process.
#[derive(Debug)]
pub struct Node {
    child: Child,
    port: u16,
    log: PathBuf,
}

/// How a node is started.
#[derive(Debug)]
pub struct Start<'a> {
    place: &'a Path,
    contexts: &'a Path,
    /// The port wanted, taken when it is free; 0: any.
    pub port: u16,
    /// The name by which nodes tell one another apart.
    pub alias: String,
    /// Further flags of `serve`.
    pub flags: Vec<String>,
}

impl<'a> Start<'a> {
    /// An open node on an empty folder below `place`, with the contexts of `contexts`, which may
    /// ask this machine.
    pub fn on(place: &'a Path, contexts: &'a Path) -> Self {
        Self {
            place,
            contexts,
            port: 0,
            alias: "chorsu".to_owned(),
            // The suite wants to see a history of twenty instances come in parts.
            flags: vec!["--temporal-instances".to_owned(), "10".to_owned()],
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// The binary is missing, or does not answer in time.
    pub fn run(&self) -> Result<Node> {
        let binary = binary()?;
        let port = free_port(self.port)?;
        let log = self.place.join("chorsu.log");
        let output = File::create(&log)?;
        let child = Command::new(&binary)
            .args(["serve", "--open", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--outbound", "loopback", "--alias", &self.alias])
            .args(&self.flags)
            .arg("--data")
            .arg(self.place.join("data"))
            .arg("--contexts")
            .arg(self.contexts)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| binary.display().to_string())?;
        let mut node = Node { child, port, log };
        node.wait_until_ready()?;
        Ok(node)
    }
}

impl Node {
    /// Where the NGSI-LD interface is.
    pub fn url(&self) -> String {
        format!("http://localhost:{}/ngsi-ld/v1", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it still answers.
    pub fn answers(&self) -> bool {
        status_of(self.port, "/ngsi-ld/v1/types").is_ok()
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        for _ in 0..START_TRIES {
            if let Some(status) = self.child.try_wait()? {
                bail!("the node ended at once, {status}:\n{}", self.log());
            }
            if status_of(self.port, "/ready").is_ok_and(|status| status == 200) {
                return Ok(());
            }
            #[expect(clippy::disallowed_methods, reason = "waits for another process")]
            std::thread::sleep(START_STEP);
        }
        bail!("the node does not get ready:\n{}", self.log())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary that `cargo test` built beside the test, unless `CHORSU_BIN` names another.
///
/// # Errors
/// There is none.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHORSU_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("the test stands in no folder")?;
    let binary = folder.join("chorsu");
    ensure!(
        binary.exists(),
        "{} is not built: cargo build -p server",
        binary.display()
    );
    Ok(binary)
}

fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wanted))
        .or_else(|_taken| TcpListener::bind(("127.0.0.1", 0)))?;
    Ok(listener.local_addr()?.port())
}

fn status_of(port: u16, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head)?;
    let line = std::str::from_utf8(&head)?;
    let status = line.strip_prefix("HTTP/1.1 ").context("no HTTP answer")?;
    Ok(status.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_insisted_on() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let wanted = taken.local_addr().unwrap().port();
        assert_ne!(free_port(wanted).unwrap(), wanted);
    }

    #[test]
    fn a_status_is_read_from_the_first_line() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0_u8; 256];
            let length = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
                .unwrap();
            String::from_utf8_lossy(request.get(..length).unwrap()).into_owned()
        });
        assert_eq!(status_of(port, "/ready").unwrap(), 503);
        assert!(
            answer
                .join()
                .unwrap()
                .starts_with("GET /ready HTTP/1.1\r\n")
        );
    }
}

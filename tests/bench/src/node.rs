//! Processes under measurement: started, waited for, killed.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::client::{self, Client};
use crate::{clock, machine};

/// A server in a process of its own; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until it answered.
    pub(crate) start: Duration,
}

/// How long a start may take at most.
const PATIENCE: Duration = Duration::from_secs(600);

impl Node {
    /// Starts the binary on a folder and waits until it is ready.
    pub(crate) fn start(bin: &Path, data: &Path, args: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(bin);
        command
            .args(["serve", "--open"])
            .arg("--data")
            .arg(data)
            .args(args);
        Self::launch(command, "/ready")
    }

    /// Starts this binary as the empty server.
    pub(crate) fn floor() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor");
        Self::launch(command, "/")
    }

    fn launch(mut command: Command, path: &str) -> anyhow::Result<Self> {
        // The system knows a free port; nobody else takes it in between on a quiet machine.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        command.arg("--listen").arg(address.to_string());
        let begin = clock::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = child
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let mut node = Self {
            child,
            address,
            start: Duration::ZERO,
        };
        while !is_ready(address, path) {
            if let Some(status) = node.child.try_wait()? {
                bail!("{command:?} ended with {status}");
            }
            if begin.elapsed() > PATIENCE {
                bail!("{command:?} is not ready after {PATIENCE:?}");
            }
            clock::pause(Duration::from_millis(2));
        }
        node.start = begin.elapsed();
        Ok(node)
    }

    /// Bytes that it holds in memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        machine::resident_bytes(self.child.id())
    }

    /// How long it has had a core since its start; of threads that have ended nothing is known.
    pub(crate) fn core_time(&self) -> Duration {
        machine::core_time(self.child.id())
    }

    /// Ends it as a power cut of the process would: `kill -9`.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn is_ready(address: SocketAddr, path: &str) -> bool {
    let asked = once(address, |out| client::get(path, out));
    asked.is_ok_and(|(status, _)| status == 200)
}

/// One request on a connection of its own: status and body.
pub(crate) fn once(
    address: SocketAddr,
    request: impl FnOnce(&mut Vec<u8>),
) -> anyhow::Result<(u16, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut bytes = Vec::new();
    request(&mut bytes);
    runtime.block_on(async {
        let mut client = Client::connect(address).await?;
        let answer = client.ask(&bytes).await?;
        Ok((answer.status, answer.body.to_vec()))
    })
}

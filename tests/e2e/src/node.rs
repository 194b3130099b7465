//! One running node on a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::bare;
use crate::http::Http;

const STEP: Duration = Duration::from_millis(10);
/// Steps that a node may take to start or to end: a minute.
const STEPS_MAX: u32 = 6_000;

/// How to start a node.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Whether everybody may do everything.
    pub open: bool,
    /// The port; 0: any that is free.
    pub port: u16,
    /// Further flags of `serve`.
    pub flags: &'a [&'a str],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            open: true,
            port: 0,
            flags: &[],
        }
    }
}

/// A running node. Dropping it ends the process at once.
#[derive(Debug)]
pub struct Node {
    child: Child,
    port: u16,
    log: PathBuf,
    out: PathBuf,
}

impl Node {
    /// Starts an open node on `place/data`, or goes on with what is there.
    pub fn start(place: &Path) -> Result<Self> {
        Self::start_with(place, Options::default())
    }

    /// The same with options. Its log is `place/chorsu.log`, new at every start.
    pub fn start_with(place: &Path, options: Options<'_>) -> Result<Self> {
        let (log, out) = (place.join("chorsu.log"), place.join("chorsu.out"));
        let data = place.join("data");
        let listen = format!("127.0.0.1:{}", options.port);
        let mut command = bare(&["serve", "--listen", &listen, "--data"])?;
        command
            .arg(data)
            .args(options.open.then_some("--open"))
            .args(options.flags);
        if !options.flags.contains(&"--alias") {
            // A node without a name draws one and writes it down: the first change would be that.
            command.args(["--alias", "e2e"]);
        }
        command
            .stdout(File::create(&out)?)
            .stderr(File::create(&log)?);
        let mut node = Self {
            child: command.spawn()?,
            port: 0,
            log,
            out,
        };
        node.port = node.wait_for_port()?;
        node.wait_until_ready()?;
        Ok(node)
    }

    fn wait_for_port(&mut self) -> Result<u16> {
        for _ in 0..STEPS_MAX {
            let log = self.log();
            let port = log
                .split("listening on http://127.0.0.1:")
                .nth(1)
                .and_then(|rest| {
                    let end = rest.find(|c: char| !c.is_ascii_digit())?;
                    rest.get(..end)?.parse().ok()
                });
            if let Some(port) = port {
                return Ok(port);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the node ended at once, {status}:\n{log}");
            }
            pause(STEP);
        }
        bail!("the node does not listen:\n{}", self.log())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        for _ in 0..STEPS_MAX {
            if self
                .http()
                .get("/ready")
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the node ended before it was ready, {status}:\n{}",
                    self.log()
                );
            }
            pause(STEP);
        }
        bail!("the node does not get ready:\n{}", self.log())
    }

    /// A client of the node.
    pub fn http(&self) -> Http {
        Http::new(self.port)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it printed so far.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// Ends the process at once, as a power loss would: nothing of it can react.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its name, as in `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .context("kill")?;
        ensure!(sent.success(), "kill: {sent}");
        Ok(())
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        for _ in 0..STEPS_MAX {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            pause(STEP);
        }
        bail!("the node does not end:\n{}", self.log())
    }

    /// Asks the node to stop; it must end well, and its log must be clean.
    pub fn finish(self) -> Result<()> {
        self.finish_saying(&[])
    }

    /// The same when warnings or errors that hold one of these texts are expected.
    pub fn finish_saying(mut self, expected: &[&str]) -> Result<()> {
        self.signal("TERM")?;
        let status = self.wait()?;
        let log = self.log();
        ensure!(status.success(), "the node ended with {status}:\n{log}");
        assert_log_clean(&log, expected)
    }
}

/// Refuses a log with a warning, an error or a panic that is not expected.
pub fn assert_log_clean(log: &str, expected: &[&str]) -> Result<()> {
    let is_bad = |line: &&str| {
        let said = [
            " WARN ",
            " ERROR ",
            "panicked",
            "\"level\":\"WARN\"",
            "\"level\":\"ERROR\"",
        ];
        said.iter().any(|word| line.contains(word))
    };
    let is_unexpected = |line: &&str| !expected.iter().any(|text| line.contains(text));
    let bad: Vec<&str> = log.lines().filter(is_bad).filter(is_unexpected).collect();
    ensure!(bad.is_empty(), "the log is not clean:\n{}", bad.join("\n"));
    Ok(())
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for another process.
#[expect(clippy::disallowed_methods, reason = "waits for another process")]
pub fn pause(duration: Duration) {
    sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_an_error_and_a_panic_make_a_log_unclean() {
        let line = "2026-11-22T06:00:00Z  INFO chorsu::node: ready";
        assert_log_clean(line, &[]).expect("clean");
        for bad in [
            "2026-11-22T06:00:00Z  WARN chorsu::listen: too many",
            "2026-11-22T06:00:00Z ERROR chorsu: broken",
            "{\"level\":\"ERROR\"}",
            "thread 'main' panicked at x",
        ] {
            assert_log_clean(bad, &[]).expect_err("unclean");
            assert_log_clean(bad, &[bad]).expect("expected");
        }
    }
}

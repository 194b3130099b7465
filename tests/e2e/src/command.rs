//! The binary as a command that ends.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// What a command said.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The binary that `cargo build -p server` made beside the test, unless `CHORSU_BIN` names
/// another.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHORSU_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .context("the test has no folder")?;
    let path = folder.join("chorsu");
    ensure!(
        path.exists(),
        "{} is not there: run `cargo build -p server` first",
        path.display()
    );
    Ok(path)
}

/// A command of the binary, free of the settings of this machine.
pub fn bare(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHORSU_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Runs the binary to its end.
pub fn chorsu(arguments: &[&str]) -> Result<Output> {
    let output = bare(arguments)?.output()?;
    Ok(Output {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

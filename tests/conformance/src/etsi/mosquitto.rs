//! Mosquitto for the cases that are about MQTT: a stand-in for `docker` that starts the program
//! of this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

/// The second port, for the cases that want one that is not the usual; the first is 1883.
pub(super) const SECOND_PORT: u16 = 11_883;

/// A folder to be found before all others, with a `docker` in it. What it started ends with it.
#[derive(Debug)]
pub(super) struct StandIn {
    folder: PathBuf,
    program: PathBuf,
}

impl StandIn {
    /// Makes the folder; `None`: there is no Mosquitto.
    pub(super) fn make(folder: &Path) -> Result<Option<Self>> {
        let Some(program) = program() else {
            return Ok(None);
        };
        fs::create_dir_all(folder)?;
        let script = folder.join("docker");
        fs::write(&script, include_str!("docker.sh"))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(Some(Self {
            folder: folder.to_path_buf(),
            program,
        }))
    }

    /// Lets a command find it, and it the settings of the suite.
    pub(super) fn offer(&self, command: &mut Command, suite: &Path) {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let mut paths = vec![self.folder.clone()];
        paths.extend(std::env::split_paths(&others));
        // Only a name with a colon could not be joined, and the folder is one of ours.
        if let Ok(paths) = std::env::join_paths(paths) {
            command.env("PATH", paths);
        }
        command
            .env("MOSQUITTO", &self.program)
            .env("MOSQUITTO_ROOM", &self.folder)
            .env("MOSQUITTO_PORT", SECOND_PORT.to_string())
            .env(
                "MOSQUITTO_SETTINGS",
                suite.join("resources/mqttUtils/mosquitto"),
            );
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        for file in files.filter(|path| path.extension().is_some_and(|e| e == "pid")) {
            if let Ok(pid) = fs::read_to_string(file) {
                // It may have ended by itself; there is nobody to tell.
                drop(Command::new("kill").arg(pid.trim()).status());
            }
        }
    }
}

/// Mosquitto, which distributions put where only administrators look.
pub fn program() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&paths)
        .chain(administrators)
        .map(|folder| folder.join("mosquitto"))
        .find(|path| path.is_file())
}

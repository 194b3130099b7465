//! The ADBC driver for Arrow Flight SQL at work: fetched from PyPI, with a script of ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::clients::run;

/// The versions that were looked at; others may speak otherwise.
const PACKAGES: [&str; 3] = [
    "adbc-driver-manager==1.13.0",
    "adbc-driver-flightsql==1.13.0",
    "pyarrow==26.0.1",
];

/// Fetches the driver into a folder, unless it is there; the answer is why it cannot be had.
///
/// # Errors
/// The folder cannot be made, or what is half there cannot be taken away.
pub fn fetch(folder: &Path) -> Result<Option<String>> {
    if folder.join("bin/python").exists() {
        return Ok(None);
    }
    std::fs::create_dir_all(folder)?;
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(folder));
    let fetched = made.and_then(|_made| {
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args(["-m", "pip", "install", "-q"]).args(PACKAGES))
    });
    let Err(error) = fetched else {
        return Ok(None);
    };
    // What is half there would be taken for whole the next time.
    std::fs::remove_dir_all(folder)?;
    Ok(Some(format!("{error:#}")))
}

/// Lets the driver, which is in `folder`, ask the node on those ports, with a token if it has one.
///
/// # Errors
/// Something was not as the script wants it.
pub fn work(folder: &Path, ports: (u16, u16), token: Option<&str>) -> Result<()> {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
    let mut python = Command::new(folder.join("bin/python"));
    python
        .arg(scripts.join("flightsql.check.py"))
        .args([ports.0.to_string(), ports.1.to_string()])
        .args(token)
        .env("NO_PROXY", "*")
        .env("no_proxy", "*");
    for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"] {
        python.env_remove(proxy);
    }
    run(&mut python).map(drop)
}

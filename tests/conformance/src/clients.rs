//! Client libraries of others at work: fetched from their registries, each with a script of ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

/// A library and the script that works with it.
#[derive(Debug, Clone, Copy)]
pub enum Client {
    /// `ngsildclient` of PyPI, in Python.
    Ngsildclient,
    /// `ngsijs` of npm, in JavaScript.
    Ngsijs,
}

/// The versions that were looked at; others may speak otherwise.
const NGSILDCLIENT: &str = "ngsildclient==0.5.2";
const NGSIJS: &str = "ngsijs@1.4.1";

impl Client {
    /// The name of the library.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ngsildclient => "ngsildclient",
            Self::Ngsijs => "ngsijs",
        }
    }

    /// Fetches the library into a folder, unless it is there; the answer is why it cannot be had.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn fetch(self, folder: &Path) -> Result<Option<String>> {
        std::fs::create_dir_all(folder)?;
        let fetched = match self {
            Self::Ngsildclient if folder.join("bin/python").exists() => return Ok(None),
            Self::Ngsijs if folder.join("node_modules/ngsijs").exists() => return Ok(None),
            Self::Ngsildclient => run(Command::new("python3").args(["-m", "venv"]).arg(folder))
                .and_then(|_made| {
                    let mut pip = Command::new(folder.join("bin/python"));
                    run(pip.args(["-m", "pip", "install", "-q", NGSILDCLIENT]))
                }),
            Self::Ngsijs => {
                let mut npm = Command::new("npm");
                npm.args([
                    "install",
                    "--no-save",
                    "--no-audit",
                    "--no-fund",
                    "--prefix",
                ]);
                run(npm.arg(folder).arg(NGSIJS))
            }
        };
        let Err(error) = fetched else {
            return Ok(None);
        };
        // What is half there would be taken for whole the next time.
        std::fs::remove_dir_all(folder)?;
        Ok(Some(format!("{error:#}")))
    }

    /// Lets the library, which is in `folder`, work with the node on that port.
    ///
    /// # Errors
    /// Something was not as the script wants it.
    pub fn work(self, folder: &Path, port: u16) -> Result<()> {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
        let mut command = match self {
            Self::Ngsildclient => {
                let mut python = Command::new(folder.join("bin/python"));
                python.arg(scripts.join("ngsildclient.check.py"));
                python
            }
            Self::Ngsijs => {
                let mut node = Command::new("node");
                node.env("NODE_PATH", folder.join("node_modules"))
                    .arg(scripts.join("ngsijs.check.cjs"));
                node
            }
        };
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        run(command.arg(port.to_string())).map(drop)
    }
}

/// Runs a command to its end; what it said is in the error.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| program.clone())?;
    if !output.status.success() {
        bail!(
            "{program}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output)
}

//! ETSI's NGSI-LD test suite: its Python environment, its contexts, one run of Robot Framework.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::node::Node;
use crate::results::{self, Case};

/// jsonldContext 050_04 and 051_03 have this port written down; the others take any.
const PORT: u16 = 9090;

/// Seconds a case may take; a node that hangs fails the case and not the run.
const CASE_SECONDS_MAX: u32 = 60;

/// Where the suite's contexts are published, and where they lie in a checkout.
const PUBLISHED: [&str; 2] = [
    "https://raw.githubusercontent.com/marek-mraz/ngsi-ld-test-suite/main/resources/jsonld-contexts/",
    "https://forge.etsi.org/rep/cim/ngsi-ld-test-suite/-/raw/develop/resources/jsonld-contexts/",
];
const CONTEXTS: &str = "resources/jsonld-contexts";

/// A checkout of the suite, ready to run.
#[derive(Debug)]
pub struct Suite {
    folder: PathBuf,
    python: PathBuf,
}

impl Suite {
    /// Prepares the checkout in `folder`: makes the Python environment at `venv` when it is not
    /// there yet, which asks the Python package index.
    ///
    /// # Errors
    /// `folder` is no checkout of the suite, or Python or a package of it is missing.
    pub fn prepare(folder: &Path, venv: &Path) -> Result<Self> {
        ensure!(
            folder.join("TP/NGSI-LD").is_dir(),
            "{} is not the suite",
            folder.display()
        );
        let folder = folder.canonicalize()?;
        let bin = venv.join("bin");
        if !bin.join("robot").exists() {
            succeed(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
            let mut pip = Command::new(bin.join("pip"));
            succeed(
                pip.current_dir(&folder)
                    .args(["install", "-q", "-r", "requirements.txt"]),
            )?;
        }
        Ok(Self {
            folder,
            python: bin.join("python"),
        })
    }

    /// The commit of the checkout, short.
    pub fn commit(&self) -> String {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(&self.folder)
            .args(["rev-parse", "--short", "HEAD"]);
        let said = git
            .output()
            .map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned());
        said.ok()
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// Writes a folder for `--contexts` with the contexts that the checkout itself has.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn contexts(&self, into: &Path) -> Result<()> {
        fs::create_dir_all(into)?;
        let mut index = serde_json::Map::new();
        for entry in fs::read_dir(self.folder.join(CONTEXTS))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .context("a name in UTF-8")?;
            fs::copy(&path, into.join(name))?;
            for place in PUBLISHED {
                index.insert(format!("{place}{name}"), name.into());
            }
        }
        fs::write(into.join("index.json"), serde_json::to_vec_pretty(&index)?)?;
        Ok(())
    }

    /// Runs one group, such as `ContextInformation/Provision`, against a fresh node, and writes
    /// what Robot says into `place`.
    ///
    /// # Errors
    /// The node does not start or does not survive, or Robot fails as a program.
    pub fn run(&self, group: &str, contexts: &Path, place: &Path) -> Result<Vec<Case>> {
        fs::create_dir_all(place)?;
        let node = Node::start(place, contexts, PORT)?;
        let limit = place.join("CaseLimit.py");
        fs::write(&limit, include_str!("etsi/CaseLimit.py"))?;
        let console = fs::File::create(place.join("robot.log"))?;
        let mut robot = Command::new(&self.python);
        robot.args([
            "-m",
            "robot",
            "--nostatusrc",
            "--log",
            "NONE",
            "--report",
            "NONE",
        ]);
        robot.args([
            "--console",
            "dotted",
            "--consolecolors",
            "off",
            "--runemptysuite",
        ]);
        robot
            .arg("--prerunmodifier")
            .arg(format!("{}:{CASE_SECONDS_MAX}", limit.display()));
        robot
            .args(["--exclude", "sub-mqtt-notification", "--outputdir"])
            .arg(place);
        for (name, value) in variables(&node.url()) {
            robot.args(["--variable", &format!("{name}:{value}")]);
        }
        robot.arg(Path::new("TP/NGSI-LD").join(group));
        self.surround(&mut robot);
        succeed(
            robot
                .stdout(console.try_clone()?)
                .stderr(console)
                .stdin(Stdio::null()),
        )?;
        ensure!(
            node.answers(),
            "the node does not answer after {group}:\n{}",
            node.log()
        );
        results::read(&fs::read_to_string(place.join("output.xml"))?)
    }

    /// The suite's own libraries, and no proxy between it and the node.
    fn surround(&self, robot: &mut Command) {
        robot.current_dir(&self.folder);
        let libraries = self.folder.join("libraries");
        let httpctrl = libraries.join("robotframework-httpctrl/src");
        let paths = format!("{}:{}", httpctrl.display(), libraries.display());
        robot
            .env("PYTHONPATH", paths)
            .env("NO_PROXY", "*")
            .env("no_proxy", "*");
        for proxy in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ] {
            robot.env_remove(proxy);
        }
    }
}

/// The variables of the suite that say where the node and the suite's own servers are.
fn variables(url: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("url", url),
        ("temporal_api_url", url),
        ("notification_server_host", "127.0.0.1"),
        ("notification_server_port", "8085"),
        ("context_source_host", "127.0.0.1"),
        ("context_source_port", "8086"),
        ("context_server_host", "127.0.0.1"),
        ("context_server_port", "8087"),
    ]
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| program.clone())?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

//! ETSI's NGSI-LD test suite: its Python environment, its contexts, runs of Robot Framework.

mod group;
mod mosquitto;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::node::{Node, Start};
use crate::results::{self, Case};
use mosquitto::StandIn;

pub use group::{Group, INTEROPERABILITY};
pub use mosquitto::program as mosquitto;

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

    /// Runs all groups, so many at once, each in a folder of its own below `out`, and gives all
    /// cases in the order of the groups.
    ///
    /// # Errors
    /// Those of [`Suite::run`], of the first group that has one.
    pub fn run_all(
        &self,
        groups: &[Group],
        contexts: &Path,
        out: &Path,
        at_once: usize,
    ) -> Result<Vec<Case>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(place) else {
                    return done;
                };
                let folder = out.join(group.path.replace('/', "."));
                done.push((place, self.run(group, contexts, &folder)));
            }
        };
        let mut all = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..at_once.max(1)).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.collect::<std::thread::Result<Vec<_>>>()
        })
        .map_err(|_panic| anyhow!("a worker panicked"))?
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
        all.sort_by_key(|(place, _)| *place);
        let mut cases = Vec::new();
        for (_, found) in all {
            cases.extend(found?);
        }
        Ok(cases)
    }

    /// Runs one group against fresh nodes, and writes what Robot says into `place`.
    ///
    /// # Errors
    /// A node does not start or does not survive, or Robot fails as a program.
    pub fn run(&self, group: &Group, contexts: &Path, place: &Path) -> Result<Vec<Case>> {
        // Whatever an earlier run left there would make the nodes anything but fresh.
        drop(fs::remove_dir_all(place));
        fs::create_dir_all(place)?;
        let mut nodes = Vec::new();
        for alias in group.aliases() {
            let room = place.join(&alias);
            fs::create_dir_all(&room)?;
            let mut node = Start::on(&room, contexts);
            node.port = group.port();
            node.alias = alias;
            nodes.push(node.run()?);
        }
        let mosquitto = StandIn::make(&place.join("mosquitto"))?;
        let mut robot = self.robot(group, &nodes, place)?;
        match &mosquitto {
            Some(stand_in) => stand_in.offer(&mut robot, &self.folder),
            None => {
                robot.args(["--exclude", "sub-mqtt-notification"]);
            }
        }
        robot.arg(group.folder());
        let console = fs::File::create(place.join("robot.log"))?;
        succeed(
            robot
                .stdout(console.try_clone()?)
                .stderr(console)
                .stdin(Stdio::null()),
        )?;
        for node in &nodes {
            ensure!(
                node.answers(),
                "a node does not answer after {}:\n{}",
                group.path,
                node.log()
            );
        }
        results::read(&fs::read_to_string(place.join("output.xml"))?)
    }

    /// Robot with all that it has to know of the nodes, but for what it shall run.
    fn robot(&self, group: &Group, nodes: &[Node], place: &Path) -> Result<Command> {
        let limit = place.join("CaseLimit.py");
        fs::write(&limit, include_str!("etsi/CaseLimit.py"))?;
        let mut robot = Command::new(&self.python);
        robot.args(["-m", "robot", "--nostatusrc", "--runemptysuite"]);
        robot.args(["--log", "NONE", "--report", "NONE"]);
        robot.args(["--console", "dotted", "--consolecolors", "off"]);
        robot
            .arg("--prerunmodifier")
            .arg(format!("{}:{CASE_SECONDS_MAX}", limit.display()));
        robot.arg("--outputdir").arg(place);
        for (name, value) in variables(group, nodes) {
            robot.args(["--variable", &format!("{name}:{value}")]);
        }
        self.surround(&mut robot);
        Ok(robot)
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

/// The variables of the suite that say where the nodes and the suite's own servers are.
fn variables(group: &Group, nodes: &[Node]) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let mut say = |name: &str, value: String| variables.push((name.to_owned(), value));
    if let Some(first) = nodes.first() {
        say("url", first.url());
        say("temporal_api_url", first.url());
    }
    for (number, node) in (1..).zip(nodes) {
        say(&format!("b{number}_url"), node.url());
    }
    for (step, name) in (0..).zip(["notification_server", "context_source", "context_server"]) {
        say(&format!("{name}_host"), "127.0.0.1".to_owned());
        say(&format!("{name}_port"), (group.mocks + step).to_string());
    }
    say("mqtt_broker_host", "127.0.0.1".to_owned());
    say(
        "mqtt_broker_non_default_port",
        mosquitto::SECOND_PORT.to_string(),
    );
    variables
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| program.clone())?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

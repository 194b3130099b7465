//! FIWARE's NGSI-LD tutorials: their requests, one after the other, as they are printed.
//!
//! A tutorial is a checkout of one of FIWARE's `tutorials.*` repositories, branch `NGSI-LD`. Its
//! `README.md` prints requests for curl and what they answer; `import-data` fills the broker where
//! `services` says so; `data-models` are the contexts. Each runs on a node of its own.

mod compare;
mod curl;
mod page;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::node::{Node, Start};
use crate::results::{Case, Verdict};
use page::Step;

/// Where the tutorials have their broker, and the second face that some give it.
const BROKERS: [&str; 3] = ["localhost:1026", "orion:1026", "localhost:8080"];
/// Where the tutorials have their contexts.
const CONTEXTS: &str = "http://context";

/// Runs a tutorial: a case for every request to the broker, named by its number and target. Those
/// to other programs of the tutorial are skipped.
///
/// # Errors
/// The folder is no tutorial, or the node does not start.
pub fn run(tutorial: &Path, place: &Path) -> Result<Vec<Case>> {
    let name = tutorial.file_name().unwrap_or_default().to_string_lossy();
    let readme = tutorial.join("README.md");
    let markdown = fs::read_to_string(&readme).with_context(|| readme.display().to_string())?;
    let steps = page::read(&markdown);
    ensure!(!steps.is_empty(), "{name} has no requests");
    let contexts = place.join("contexts");
    offer_contexts(&tutorial.join("data-models"), &contexts)?;
    let mut start = Start::on(place, &contexts);
    start.flags.clear();
    let node = start.run()?;
    fill(tutorial, &node)?;
    let cases = steps.iter().map(|step| Case {
        file: name.clone().into_owned(),
        name: step.curl.as_ref().map_or_else(
            |_broken| step.number.to_string(),
            |curl| {
                let path = curl.request.target.split('?').next().unwrap_or_default();
                format!("{} {} {path}", step.number, curl.request.method)
            },
        ),
        ..judge(step, &node)
    });
    Ok(cases.collect())
}

/// A folder for `--contexts` with what the tutorial has at its server for contexts.
fn offer_contexts(models: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let mut index = serde_json::Map::new();
    for entry in fs::read_dir(models).with_context(|| models.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| name.ends_with(".jsonld")) else {
            continue;
        };
        fs::copy(&path, into.join(name))?;
        index.insert(format!("{CONTEXTS}/{name}"), name.into());
    }
    fs::write(into.join("index.json"), serde_json::to_vec_pretty(&index)?)?;
    Ok(())
}

/// Fills the node as the tutorial's own start does.
fn fill(tutorial: &Path, node: &Node) -> Result<()> {
    let services = fs::read_to_string(tutorial.join("services")).unwrap_or_default();
    if !services.contains("import-data") {
        return Ok(());
    }
    let status = Command::new("bash")
        .arg("import-data")
        .current_dir(tutorial)
        .env("CONTEXT_BROKER", format!("localhost:{}", node.port()))
        .env(
            "TUTORIAL_DATA_MODELS_CONTEXT",
            format!("{CONTEXTS}/user-context.jsonld"),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "import-data: {status}");
    Ok(())
}

/// Sends a request and compares: a success, and the answer that is printed.
fn judge(step: &Step, node: &Node) -> Case {
    let case = |verdict, message: String| Case {
        file: String::new(),
        name: String::new(),
        verdict,
        message,
    };
    let curl = match &step.curl {
        Ok(curl) => curl,
        Err(broken) => return case(Verdict::Failed, broken.clone()),
    };
    if !BROKERS.contains(&curl.host.as_str()) {
        return case(Verdict::Skipped, format!("for {}", curl.host));
    }
    let mut request = curl.request.clone();
    // The second face has history at a path of its own.
    if request.target.starts_with("/temporal/") {
        request.target = format!("/ngsi-ld/v1{}", request.target);
    }
    let answer = match request.send(node.port()) {
        Ok(answer) => answer,
        Err(error) => return case(Verdict::Failed, format!("{error:#}")),
    };
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if !(200..300).contains(&answer.status) {
        let text: String = text.chars().take(200).collect();
        return case(Verdict::Failed, format!("{}: {text}", answer.status));
    }
    let Some(printed) = &step.printed else {
        return case(Verdict::Passed, String::new());
    };
    let found = match serde_json::from_str(&text) {
        Ok(json) => compare::differ(printed, &json),
        Err(error) => Some(format!("no JSON: {error}")),
    };
    match found {
        None => case(Verdict::Passed, String::new()),
        Some(difference) => case(Verdict::Failed, difference),
    }
}

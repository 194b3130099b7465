//! The commands of an operator on the folder of a node: check, backup, restore, repair, token.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base::{Tasks, Time};
use clap::ArgMatches;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use lake::Place;
use outbound::{Allow, Client};
use ports::{Clock as _, Outbound as _, Store};
use serde_json::{Value, json};
use store_embedded::files::RealFiles;
use store_embedded::{EmbeddedStore, Error, Finding};
use tokio::sync::watch;
use trust::Operations;

use crate::admin::LAKE;
use crate::health::Progress;
use crate::real::SystemClock;
use crate::settings::Settings;
use crate::wire_up;

/// How long a running node may take to copy itself, in microseconds.
const BACKUP_MICROS_MAX: i64 = 24 * 3_600 * 1_000_000;
/// Bytes of the answer to that.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// Reads everything and says whether it is sound; fails when it is not.
#[expect(clippy::print_stdout, reason = "the command answers its user")]
pub(crate) fn check(settings: &Settings) -> anyhow::Result<ExitCode> {
    let report = store_embedded::check(Arc::new(RealFiles), &settings.data)
        .with_context(|| settings.data.display().to_string())?;
    println!("{}", settings.data.display());
    for (file, from, entities) in &report.checkpoints {
        println!(
            "  checkpoint {}: {entities} entities, before change {from}",
            name(file)
        );
    }
    for (file, first, behind) in &report.segments {
        println!("  log {}: changes {first} to before {behind}", name(file));
    }
    println!("  history is sealed up to change {}", report.history);
    if let Some(torn) = &report.torn {
        println!(
            "  the last write was cut off before it was acknowledged: {torn}; the next start drops it"
        );
    }
    say(&report.findings);
    if report.is_sound() {
        println!("  sound: the last change is {}", report.head);
        return Ok(ExitCode::SUCCESS);
    }
    println!("  damaged: 'chorsu repair' says what can be kept, or restore a backup");
    Ok(ExitCode::FAILURE)
}

/// Says what a repair would lose; with `--cut`, repairs.
#[expect(clippy::print_stdout, reason = "the command answers its user")]
pub(crate) fn repair(settings: &Settings, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let cut = matches.get_flag("cut");
    let repair = store_embedded::repair(Arc::new(RealFiles), &settings.data, cut)
        .with_context(|| settings.data.display().to_string())?;
    say(&repair.findings);
    for sentence in &repair.says {
        println!("  {sentence}");
    }
    if repair.findings.is_empty() {
        println!("  nothing is damaged");
    } else if !repair.is_done {
        println!("  nothing was changed: say --cut to do it");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a folder from a backup.
#[expect(clippy::print_stdout, reason = "the command answers its user")]
pub(crate) async fn restore(settings: &Settings, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let from = path(matches, "from")?;
    let until = matches
        .get_one::<String>("until")
        .map(|text| Time::parse(text))
        .transpose()?;
    let head = store_embedded::restore(Arc::new(RealFiles), from, &settings.data, until)
        .with_context(|| format!("{} from {}", settings.data.display(), from.display()))?;
    let files = restore_lake(settings, from).await?;
    println!(
        "{}: restored up to change {head}, {files} files of the lake",
        settings.data.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Brings the files of the lake to where the settings say, and makes sure that all are there.
async fn restore_lake(settings: &Settings, from: &Path) -> anyhow::Result<usize> {
    let (from, place) = (from.join(LAKE), &settings.lake.place);
    let files = if from.is_dir() {
        lake::copy::copy(&Place::Folder(from), place).await?
    } else {
        0
    };
    let dir = settings.data.clone();
    let (said, _unheard) = watch::channel(store_embedded::Progress::Ready);
    let opening = tokio::task::spawn_blocking(move || {
        EmbeddedStore::open(&dir, store_embedded::Settings::default(), &said)
    });
    let store = Arc::new(opening.await??);
    let missing = lake::copy::missing(Arc::clone(&store) as Arc<dyn Store>, place).await;
    tokio::task::spawn_blocking(move || store.close()).await?;
    let missing = missing?;
    if let Some(path) = missing.first() {
        bail!(
            "{} files of the lake are not there, such as {path}: history in them is missing. Take a \
             backup that has them, or leave --until away: files that were replaced since are gone",
            missing.len()
        );
    }
    Ok(files)
}

/// Copies the folder of a stopped node, or asks a running one to copy itself.
#[expect(clippy::print_stdout, reason = "the command answers its user")]
pub(crate) async fn backup(settings: &Settings, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let to = std::path::absolute(path(matches, "to")?)?;
    let head = match matches.get_one::<String>("node") {
        Some(url) => ask_for_backup(url, matches.get_one::<String>("token"), &to).await?,
        None => match store_embedded::restore(Arc::new(RealFiles), &settings.data, &to, None) {
            Ok(head) => {
                let beside = Place::Folder(to.join(LAKE));
                lake::copy::copy(&settings.lake.place, &beside).await?;
                head.0
            }
            Err(Error::InUse(_)) => bail!(
                "a node is running on {}: say --node http://127.0.0.1:7700, and --token if it is closed",
                settings.data.display()
            ),
            Err(error) => return Err(error).context(settings.data.display().to_string()),
        },
    };
    println!("{}: a backup up to change {head}", to.display());
    Ok(ExitCode::SUCCESS)
}

async fn ask_for_backup(url: &str, token: Option<&String>, to: &Path) -> anyhow::Result<u64> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(token) = token {
        headers.insert(
            AUTHORIZATION,
            HeaderValue::try_from(format!("Bearer {token}"))?,
        );
    }
    let outbound = outbound::Settings {
        allow: Allow::Any,
        ..outbound::Settings::default()
    };
    let request = ports::Request {
        method: Method::POST,
        url: format!("{}/admin/backup", url.trim_end_matches('/')),
        headers,
        body: json!({ "to": to }).to_string().into(),
        deadline: SystemClock.now().plus_micros(BACKUP_MICROS_MAX),
        reply_bytes_max: ANSWER_BYTES_MAX,
    };
    let reply = Client::new(&outbound, Arc::new(SystemClock))?
        .send(request)
        .await?;
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if !reply.status.is_success() {
        let detail = body
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or("it does not say why");
        bail!("the node answered {}: {detail}", reply.status);
    }
    body.get("head")
        .and_then(Value::as_u64)
        .context("the node did not say what it copied")
}

/// Makes a token that may administer a stopped node: whoever holds the folder holds the node.
#[expect(clippy::print_stdout, reason = "the token is shown once, here")]
pub(crate) async fn token(settings: &Settings, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let name = matches
        .get_one::<String>("name")
        .map_or("administrator", String::as_str);
    let tasks = Tasks::new();
    let node = wire_up::open(settings, &tasks, Progress::default()).await?;
    let made = node.tokens.make(name, Operations::ALL, None).await;
    tasks.stop();
    tasks.ended().await;
    node.close().await?;
    let (secret, _token) = made?;
    println!("{}", secret.reveal());
    Ok(ExitCode::SUCCESS)
}

fn path<'a>(matches: &'a ArgMatches, name: &str) -> anyhow::Result<&'a Path> {
    let path = matches
        .get_one::<PathBuf>(name)
        .context("a folder is missing")?;
    Ok(path)
}

fn name(file: &Path) -> String {
    file.file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[expect(clippy::print_stdout, reason = "lines of a report")]
fn say(findings: &[Finding]) {
    for Finding { file, what } in findings {
        println!("  damaged: {}: {what}", file.display());
    }
}

//! `chorsu import`: files of a city into a running node over HTTP, or into the folder of a
//! stopped one. Either way the same requests reach the same API.

pub(crate) mod deliver;
mod show;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base::{Tasks, Tenant};
use clap::ArgMatches;
use http::{HeaderMap, Method};
use ingest::tabular::Mapping;
use ingest::{Format, Options, Source};
use outbound::{Allow, Client};
use ports::{Clock as _, Outbound as _};

use crate::health::Progress;
use crate::real::SystemClock;
use crate::settings::Settings;
use crate::wire_up;

use deliver::{Delivery, Door};
use show::Show;

/// Bytes of a file that is fetched: it is held in memory.
const FETCHED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long fetching a file may take, in microseconds.
const FETCH_MICROS_MAX: i64 = 300_000_000;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    format: Format,
    file: String,
    to: Option<String>,
    token: Option<String>,
    tenant: Tenant,
    is_dry: bool,
    options: Options,
}

impl Wish {
    /// Reads the arguments of `import FORMAT`.
    pub(crate) fn read(format: &str, matches: &ArgMatches) -> anyhow::Result<Self> {
        let text = |name| matches.try_get_one::<String>(name).ok().flatten().cloned();
        let mapping = matches
            .try_get_one::<std::path::PathBuf>("mapping")
            .ok()
            .flatten();
        let temporal = matches.try_get_one::<bool>("temporal").ok().flatten();
        let tenant = text("tenant").unwrap_or_default();
        let file = text("file").context("which file?")?;
        Ok(Self {
            format: match format {
                "gtfs" => Format::Gtfs,
                "gtfs-rt" => Format::GtfsRealtime,
                "osm" => Format::Osm,
                "csv" => Format::Csv,
                "ngsi" => Format::Ngsi,
                other => bail!("'{other}' is no format"),
            },
            file: file.clone(),
            to: text("to"),
            token: text("token"),
            tenant: Tenant::new(&tenant).context("--tenant")?,
            is_dry: matches.get_flag("dry-run"),
            options: Options {
                feed: text("feed"),
                mapping: mapping
                    .map(|path| Mapping::load(path, Some(Path::new(&file))))
                    .transpose()?,
                context: text("context"),
                temporal: temporal.copied().unwrap_or(false),
                ..Options::default()
            },
        })
    }
}

/// Imports, shows how far it is, and says at the end what became of everything.
pub(crate) async fn run(settings: &Settings, wish: Wish) -> anyhow::Result<ExitCode> {
    let source = source(&wish.file).await?;
    let tasks = Tasks::new();
    let (door, node) = match &wish.to {
        _ if wish.is_dry => (Door::None, None),
        Some(url) => (
            Door::remote(url, wish.token.as_deref(), &wish.tenant)?,
            None,
        ),
        None => {
            let node = wire_up::open(settings, &tasks, Progress::default()).await?;
            let face = wire_up::holders_face(&node, settings);
            (
                Door::Local {
                    face,
                    tenant: wish.tenant.clone(),
                },
                Some(node),
            )
        }
    };
    let handle = tokio::runtime::Handle::current();
    let Wish {
        format,
        options,
        is_dry,
        ..
    } = wish;
    let worked = tokio::task::spawn_blocking(move || {
        let mut show = Show::new();
        let mut delivery = Delivery::new(door, handle);
        let report = ingest::run(format, &source, &options, &mut delivery, &mut show);
        let delivered = delivery.finish();
        show.close();
        (source.name(), report, delivered)
    });
    let (name, report, delivered) = worked.await?;
    tasks.stop();
    tasks.ended().await;
    if let Some(node) = node {
        node.close().await?;
    }
    let report = report?;
    let sums = delivered?;
    show::report(&name, &report, &sums, is_dry);
    let nothing_read = report.entity_count() == 0 && report.history_values == 0;
    Ok(if nothing_read {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The file, or what a URL answers.
async fn source(file: &str) -> anyhow::Result<Source> {
    if !file.starts_with("http://") && !file.starts_with("https://") {
        return Ok(Source::file(file));
    }
    let request = ports::Request {
        method: Method::GET,
        url: file.to_owned(),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        deadline: SystemClock.now().plus_micros(FETCH_MICROS_MAX),
        reply_bytes_max: FETCHED_BYTES_MAX,
    };
    let reply = client()?.send(request).await?;
    if !reply.status.is_success() {
        bail!("{file} answered {}", reply.status);
    }
    let path = file.split(['?', '#']).next().unwrap_or(file);
    let name = path
        .rsplit('/')
        .find(|part| !part.is_empty())
        .unwrap_or("feed");
    Ok(Source::bytes(name, reply.body.to_vec()))
}

/// A client for addresses that the operator named: these may be anywhere.
fn client() -> anyhow::Result<Client> {
    let settings = outbound::Settings {
        allow: Allow::Any,
        ..outbound::Settings::default()
    };
    Ok(Client::new(&settings, Arc::new(SystemClock))?)
}

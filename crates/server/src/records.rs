//! `chorsu records load`: files of rows into a table of a running node over HTTP, or into the folder
//! of a stopped one. A file is cut into batches whose ids follow from its content, so a load that
//! broke off is begun again without bringing anything twice.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Body;
use base::{Tasks, Tenant};
use bytes::Bytes;
use clap::ArgMatches;
use futures_util::{TryStreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lake::records::Format;
use lake::records::pieces::{Piece, Pieces, format_of};
use ports::{Clock as _, Outbound as _};
use serde_json::Value;
use tower::ServiceExt as _;
use web::caller::TENANT_HEADER;

use crate::health::Progress;
use crate::import::deliver::Door;
use crate::real::SystemClock;
use crate::settings::Settings;
use crate::wire_up;

/// Batches sent at once: one is decoded while the other comes.
const AT_ONCE: usize = 2;
/// How often a batch is sent again that the node could not take now.
const TRIES_MAX: u32 = 8;
/// How long a batch may take, in microseconds.
const REQUEST_MICROS_MAX: i64 = 600_000_000;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Steps of the bar.
const STEPS: u64 = 1_000;

/// The words that `--format` knows.
pub(crate) const FORMATS: [&str; 4] = ["csv", "ndjson", "arrow", "parquet"];

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    table: String,
    files: Vec<(PathBuf, Format)>,
    to: Option<String>,
    token: Option<String>,
    tenant: Tenant,
}

/// What became of a file.
#[derive(Debug, Default)]
struct Sums {
    rows: u64,
    batches: u64,
    repeated: u64,
}

impl Wish {
    /// Reads the arguments of `records load`.
    pub(crate) fn read(matches: &ArgMatches) -> anyhow::Result<Self> {
        let text = |name| matches.get_one::<String>(name).cloned();
        let format = matches.get_one::<String>("format");
        let format = format.and_then(|word| format_of(Path::new(&format!("rows.{word}"))));
        let paths = matches.get_many::<PathBuf>("files").into_iter().flatten();
        let files = paths.map(|path| {
            let known = format.or_else(|| format_of(path));
            let known = known.with_context(|| {
                let known = FORMATS.join(", ");
                format!("{}: say its --format, one of {known}", path.display())
            })?;
            Ok((path.clone(), known))
        });
        Ok(Self {
            files: files.collect::<anyhow::Result<_>>()?,
            table: text("table").context("which table?")?,
            to: text("to"),
            token: text("token"),
            tenant: Tenant::new(&text("tenant").unwrap_or_default()).context("--tenant")?,
        })
    }
}

/// Loads file by file, shows how far it is, and says what became of each.
pub(crate) async fn run(settings: &Settings, wish: Wish) -> anyhow::Result<ExitCode> {
    let tasks = Tasks::new();
    let (door, node) = if let Some(url) = &wish.to {
        let door = Door::remote(url, wish.token.as_deref(), &wish.tenant)?;
        (door, None)
    } else {
        let node = wire_up::open(settings, &tasks, Progress::default()).await?;
        let face = wire_up::holders_records(&node, settings);
        let tenant = wish.tenant.clone();
        (Door::Local { face, tenant }, Some(node))
    };
    let mut result = Ok(ExitCode::SUCCESS);
    for (file, format) in &wish.files {
        match load(&door, &wish.table, file, *format).await {
            Ok(sums) => say(file, &sums),
            Err(error) => {
                result = Err(error.context(file.display().to_string()));
                break;
            }
        }
    }
    tasks.stop();
    tasks.ended().await;
    if let Some(node) = node {
        node.close().await?;
    }
    result
}

#[expect(
    clippy::print_stdout,
    reason = "the report is what the command answers"
)]
fn say(file: &Path, sums: &Sums) {
    let Sums {
        rows,
        batches,
        repeated,
    } = sums;
    let file = file.display();
    println!("{file}: {rows} rows in {batches} batches, {repeated} of which were there already");
}

/// A bar on standard error; none where that is no terminal.
fn bar(file: &Path) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{msg:30!} [{bar:32}] {percent:>3} %  {elapsed}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    bar.set_message(name.into_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

async fn load(door: &Door, table: &str, file: &Path, format: Format) -> anyhow::Result<Sums> {
    let path = file.to_owned();
    let pieces = tokio::task::spawn_blocking(move || Pieces::open(&path, format)).await??;
    let bar = bar(file);
    let cut = stream::try_unfold(pieces, async |mut pieces| {
        let cutting = tokio::task::spawn_blocking(move || {
            let piece = pieces.next_piece();
            (piece, pieces)
        });
        let (piece, pieces) = cutting.await?;
        anyhow::Ok(piece?.map(|piece| (piece, pieces)))
    });
    let sending = cut.map_ok(|piece| async {
        let done = piece.done;
        let receipt = deliver(door, table, piece).await?;
        bar.set_position(done);
        anyhow::Ok(receipt)
    });
    let sums = sending
        .try_buffered(AT_ONCE)
        .try_fold(Sums::default(), async |mut sums, receipt| {
            let number = |name| receipt.get(name).and_then(Value::as_u64).unwrap_or(0);
            sums.rows += number("rows");
            sums.batches += 1;
            sums.repeated += u64::from(receipt.get("repeated") == Some(&Value::Bool(true)));
            Ok(sums)
        })
        .await;
    bar.finish_and_clear();
    sums
}

/// Sends a batch, and again when the node cannot take it now or the connection breaks: its id keeps
/// it from counting twice.
async fn deliver(door: &Door, table: &str, piece: Piece) -> anyhow::Result<Value> {
    let path = format!("/records/{table}/batches/{}", piece.batch);
    let mut tries = 0;
    loop {
        let answer = post(door, &path, piece.format, piece.body.clone()).await;
        tries += 1;
        let (status, body) = match answer {
            Ok((StatusCode::SERVICE_UNAVAILABLE, _)) | Err(_) if tries < TRIES_MAX => {
                let pause = 100_000_i64 << tries;
                let until = SystemClock.now().plus_micros(pause);
                SystemClock.sleep_until(until).await;
                continue;
            }
            answer => answer?,
        };
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(said);
        }
        let detail = said.get("detail").and_then(Value::as_str);
        bail!(
            "the node answered {status}: {}",
            detail.unwrap_or("it does not say why")
        );
    }
}

async fn post(
    door: &Door,
    path: &str,
    format: Format,
    body: Bytes,
) -> anyhow::Result<(StatusCode, Bytes)> {
    match door {
        Door::None => Ok((StatusCode::NO_CONTENT, Bytes::new())),
        Door::Local { face, tenant } => {
            let mut request = Request::post(path)
                .header(CONTENT_TYPE, format.media())
                .header(CONTENT_LENGTH, body.len());
            if !tenant.is_default() {
                request = request.header(TENANT_HEADER, tenant.as_str());
            }
            let request = request.body(Body::from(body))?;
            let response = match face.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            Ok((parts.status, body.collect().await?.to_bytes()))
        }
        Door::Remote {
            client,
            base,
            headers,
        } => {
            let mut headers = headers.clone();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media()));
            let request = ports::Request {
                method: Method::POST,
                url: format!("{base}{path}"),
                headers,
                body,
                deadline: SystemClock.now().plus_micros(REQUEST_MICROS_MAX),
                reply_bytes_max: ANSWER_BYTES_MAX,
            };
            let reply = client.send(request).await?;
            Ok((reply.status, reply.body))
        }
    }
}

//! `/console/load/…`: the ways in for somebody who has just started a node.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::post;
use axum::{Json, Router};
use base::Kind;
use futures_util::StreamExt as _;
use http::StatusCode;
use ingest::{Format, Source};
use ports::Clock as _;
use serde_json::{Value, json};
use tiles::basemap::Settings;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;
use trust::Operation;
use web::{Caller, Problem, Query};

use super::files::{basemap, import, plain_name};
use super::model::Wish;
use super::{LoadError, Loader, UPLOADS};
use crate::real::SystemClock;

/// Bytes of one uploaded file: a country's extract fits; larger ones are for `chorsu import`.
const UPLOAD_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How long the next part of an upload may take, in microseconds.
const PART_MICROS_MAX: i64 = 30_000_000;
/// Bytes of a wish.
const WISH_BYTES_MAX: usize = 4_096;

/// The routes.
pub(crate) fn routes(loader: Loader) -> Router {
    Router::new()
        .route("/console/load/model", post(model))
        .route("/console/load/osm", post(osm))
        .route("/console/load/gtfs", post(gtfs))
        .with_state(loader)
}

async fn model(
    State(loader): State<Loader>,
    caller: Caller,
    query: Query,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    may_load(&loader, &caller)?;
    query.allow(&[])?;
    let body = axum::body::to_bytes(request.into_body(), WISH_BYTES_MAX).await;
    let body = body.map_err(|error| Problem::new(Kind::Invalid, error))?;
    let wish = if body.is_empty() {
        Wish::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Problem::new(Kind::Invalid, error))?
    };
    loader.load_model(wish)?;
    Ok(accepted())
}

async fn osm(
    State(loader): State<Loader>,
    caller: Caller,
    query: Query,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    may_load(&loader, &caller)?;
    loader.take(Format::Osm, "osm", &query, request).await
}

async fn gtfs(
    State(loader): State<Loader>,
    caller: Caller,
    query: Query,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    may_load(&loader, &caller)?;
    loader.take(Format::Gtfs, "gtfs", &query, request).await
}

/// Loading writes thousands of entities and files of the node: an administrator's act.
fn may_load(loader: &Loader, caller: &Caller) -> Result<(), Problem> {
    let allowed = loader
        .inner
        .broker
        .authorize(&caller.0, Operation::Administer);
    allowed.map_err(|error| Problem::new(error.kind(), error))
}

fn accepted() -> (StatusCode, Json<Value>) {
    (
        StatusCode::ACCEPTED,
        Json(json!({ "progress": "/console/city" })),
    )
}

impl Loader {
    /// Takes an uploaded file and begins to load it.
    async fn take(
        &self,
        format: Format,
        what: &'static str,
        query: &Query,
        request: Request,
    ) -> Result<(StatusCode, Json<Value>), Problem> {
        query.allow(&["name"])?;
        let name = query.get("name").unwrap_or_default();
        let plain = plain_name(name)
            .ok_or_else(|| Problem::new(Kind::Invalid, "say what it is called: ?name=city"))?;
        let step = self.begin(what)?;
        let path = self.keep(format, request.into_body()).await?;
        let tasks = self.inner.tasks.clone();
        tasks.spawn("load a city", async move {
            let working = tokio::task::spawn_blocking(move || {
                let source = Source::file(path.clone());
                if let Err(error) = load(&step, format, &source, &plain) {
                    step.fail(&error);
                }
                let removed = std::fs::remove_file(&path);
                if let Err(error) = removed {
                    tracing::warn!(%error, file = %path.display(), "a loaded file stays behind");
                }
            });
            if let Err(error) = working.await {
                tracing::error!(%error, "the loading of a city ended by a panic");
            }
        });
        Ok(accepted())
    }

    /// Writes an upload to the node's own folder.
    async fn keep(&self, format: Format, body: Body) -> Result<PathBuf, LoadError> {
        let folder = self.inner.data.join(UPLOADS);
        fs::create_dir_all(&folder).await?;
        let path = folder.join("upload");
        let mut file = File::create(&path).await?;
        let mut written = 0_u64;
        let mut ending = None;
        let mut parts = body.into_data_stream();
        while let Some(part) = within_patience(parts.next()).await? {
            let part = part.map_err(|error| LoadError::Invalid(error.to_string()))?;
            written += u64::try_from(part.len()).unwrap_or(u64::MAX);
            if written > UPLOAD_BYTES_MAX {
                return Err(LoadError::Invalid(format!(
                    "the file has more than {UPLOAD_BYTES_MAX} bytes: bring it in with 'chorsu import'"
                )));
            }
            ending = ending.or_else(|| ending_of(format, &part));
            file.write_all(&part).await?;
        }
        file.flush().await?;
        drop(file);
        if written == 0 {
            return Err(LoadError::Invalid("the file is empty".to_owned()));
        }
        let named = path.with_extension(ending.unwrap_or_default());
        fs::rename(&path, &named).await?;
        Ok(named)
    }
}

/// Waits for a part of an upload, not for ever: nobody else can load meanwhile.
async fn within_patience<T>(part: impl Future<Output = T>) -> Result<T, LoadError> {
    let patience = SystemClock.now().plus_micros(PART_MICROS_MAX);
    tokio::select! {
        biased;
        part = part => Ok(part),
        () = SystemClock.sleep_until(patience) => {
            Err(LoadError::Invalid("the file stopped coming: send it again".to_owned()))
        }
    }
}

fn load(step: &super::Step, format: Format, source: &Source, plain: &str) -> anyhow::Result<()> {
    if matches!(format, Format::Osm) {
        basemap(step, source, &Settings::openstreetmap(plain))?;
        return import(step, format, source, None, false);
    }
    import(step, format, source, Some(plain), false)
}

/// The ending by which the importer knows what the file is, from its first bytes.
fn ending_of(format: Format, bytes: &[u8]) -> Option<&'static str> {
    let first = bytes.first()?;
    Some(match (format, first) {
        (Format::Gtfs, _) => "zip",
        (_, 0x1F) => "osm.gz",
        (_, b'<' | 0xEF | b' ' | b'\n' | b'\r') => "osm",
        _ => "osm.pbf",
    })
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        Self::new(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        assert_eq!(ending_of(Format::Osm, b"<?xml"), Some("osm"));
        assert_eq!(ending_of(Format::Osm, &[0x1F, 0x8B]), Some("osm.gz"));
        assert_eq!(ending_of(Format::Osm, &[0, 0, 0, 13]), Some("osm.pbf"));
        assert_eq!(ending_of(Format::Gtfs, b"PK"), Some("zip"));
        assert_eq!(ending_of(Format::Gtfs, b""), None);
    }
}

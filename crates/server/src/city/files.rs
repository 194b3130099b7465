//! Files of a city into the node: through the importers, and for a map into a basemap as well.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context as _;
use base::Tenant;
use ingest::{Complaint, Format, Options, Progress, Refused, Sink, Source};
use serde_json::{Value, json};
use tiles::basemap::Settings;

use super::{Loader, Step};
use crate::import::deliver::{Delivery, Door};

/// Entities of one batch.
const ENTITIES_AT_ONCE: usize = 500;
/// Histories of one batch: each has hundreds of instances, and the batch is held in memory.
const HISTORIES_AT_ONCE: usize = 32;

/// Reads a file of a city into the node; what is simulated says so of itself.
pub(super) fn import(
    step: &Step,
    format: Format,
    source: &Source,
    feed: Option<&str>,
    simulated: bool,
) -> anyhow::Result<()> {
    let options = Options {
        feed: feed.map(str::to_owned),
        ..Options::default()
    };
    let mut sink = Marking {
        delivery: step.delivery(),
        simulated,
    };
    let stage = match format {
        Format::Gtfs => "gtfs",
        _ => "osm",
    };
    let mut watcher = Watcher { step, stage };
    let report = ingest::run(format, source, &options, &mut sink, &mut watcher);
    let sums = sink.delivery.finish();
    let report = report?;
    let sums = sums?;
    tracing::info!(
        file = source.name(),
        entities = report.entity_count(),
        created = sums.created,
        updated = sums.updated,
        refused = sums.refused,
        complaints = report.complaint_count,
        "a file of the city is loaded"
    );
    Ok(())
}

/// Makes a basemap from OpenStreetMap data, in place of the one that was there.
pub(super) fn basemap(step: &Step, source: &Source, settings: &Settings) -> anyhow::Result<()> {
    let folder = Loader::basemaps(&step.loader.inner.data);
    fs::create_dir_all(&folder)?;
    let name = &settings.name;
    let made = folder.join(format!("{name}.new"));
    let file = File::create(&made).with_context(|| made.display().to_string())?;
    let mut out = BufWriter::new(file);
    let mut progress = |_stage: &str, done, total| step.at("basemap", done, total);
    tiles::basemap::build(source, settings, &mut out, &mut progress)?;
    let file = out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(&made, folder.join(format!("{name}.pmtiles")))?;
    File::open(&folder)?.sync_all()?;
    step.mapped();
    Ok(())
}

/// Puts entities into the node as an importer would.
pub(super) fn entities(
    step: &Step,
    stage: &str,
    all: impl Iterator<Item = Value>,
    total: usize,
) -> anyhow::Result<()> {
    let mut sink = Marking {
        delivery: step.delivery(),
        simulated: true,
    };
    batches(step, stage, all, total, ENTITIES_AT_ONCE, |batch| {
        sink.entities(batch)
    })?;
    sink.delivery.finish()?;
    Ok(())
}

/// Puts past values into the node as an importer would.
pub(super) fn history(
    step: &Step,
    stage: &str,
    all: impl Iterator<Item = Value>,
    total: usize,
) -> anyhow::Result<()> {
    let mut delivery = step.delivery();
    batches(step, stage, all, total, HISTORIES_AT_ONCE, |batch| {
        delivery.history(batch)
    })?;
    delivery.finish()?;
    Ok(())
}

fn batches(
    step: &Step,
    stage: &str,
    mut all: impl Iterator<Item = Value>,
    total: usize,
    at_once: usize,
    mut send: impl FnMut(Vec<Value>) -> Result<(), Refused>,
) -> anyhow::Result<()> {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut done = 0;
    loop {
        step.at(stage, count(done), count(total));
        let batch: Vec<Value> = all.by_ref().take(at_once).collect();
        if batch.is_empty() {
            return Ok(());
        }
        anyhow::ensure!(
            !step.loader.inner.tasks.is_stopping(),
            "the node was stopped"
        );
        done += batch.len();
        send(batch)?;
    }
}

impl Step {
    fn delivery(&self) -> Delivery {
        let door = Door::Local {
            face: self.loader.inner.face.clone(),
            tenant: Tenant::default_tenant(),
        };
        Delivery::new(door, self.loader.inner.handle.clone())
    }
}

/// Says of every simulated entity that it is.
struct Marking {
    delivery: Delivery,
    simulated: bool,
}

impl Sink for Marking {
    fn entities(&mut self, mut batch: Vec<Value>) -> Result<(), Refused> {
        if self.simulated {
            for entity in batch.iter_mut().filter_map(Value::as_object_mut) {
                entity.insert(
                    "simulated".to_owned(),
                    json!({ "type": "Property", "value": true }),
                );
            }
        }
        self.delivery.entities(batch)
    }

    fn history(&mut self, batch: Vec<Value>) -> Result<(), Refused> {
        self.delivery.history(batch)
    }
}

/// Shows an importer's progress as that of the loading.
struct Watcher<'a> {
    step: &'a Step,
    stage: &'static str,
}

impl Progress for Watcher<'_> {
    fn at(&mut self, _stage: &str, done: u64, total: u64) {
        self.step.at(self.stage, done, total);
    }

    fn complaint(&mut self, complaint: &Complaint) {
        tracing::debug!(%complaint, "a row of a loaded file was not usable as it stands");
    }
}

/// The name of a file without its endings, of letters, digits, `-` and `_` alone.
pub(super) fn plain_name(name: &str) -> Option<String> {
    let stem = Path::new(name).file_name()?.to_str()?.split('.').next()?;
    let plain: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        assert_eq!(plain_name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(
            plain_name("Porto old.osm.pbf").as_deref(),
            Some("Porto_old")
        );
        assert_eq!(plain_name("москва.pbf").as_deref(), Some("______"));
        assert_eq!(plain_name(".."), None);
        assert_eq!(plain_name(""), None);
    }
}

//! The one way in: which importer reads what.

use crate::error::ImportError;
use crate::out::{BATCH_ENTITIES_DEFAULT, Out, Progress, Report, Sink};
use crate::source::Source;
use crate::tabular::Mapping;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A zip of GTFS Schedule.
    Gtfs,
    /// A protobuf message of GTFS-Realtime.
    GtfsRealtime,
    /// OpenStreetMap: `.osm.pbf`, `.osm` or `.osm.gz`.
    Osm,
    /// Delimited text under a [`Mapping`].
    Csv,
    /// NGSI-LD entities: an array, one entity, or one a line.
    Ngsi,
}

/// How to import.
#[derive(Debug, Clone)]
pub struct Options {
    /// What ids carry; by default the name of the file without its endings, and `osm` for
    /// OpenStreetMap. GTFS-Realtime must carry the name of the schedule that it is about.
    pub feed: Option<String>,
    /// The mapping of a CSV file.
    pub mapping: Option<Mapping>,
    /// The `@context` for entities in NGSI-LD files that carry none; by default the core context.
    pub context: Option<String>,
    /// The NGSI-LD file holds temporal entities: they are handed on as history.
    pub temporal: bool,
    /// Entities in one batch.
    pub batch_entities: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            feed: None,
            mapping: None,
            context: None,
            temporal: false,
            batch_entities: BATCH_ENTITIES_DEFAULT,
        }
    }
}

/// Imports a source into a sink. An error means that the file as a whole could not be used, or
/// that the sink gave up; everything else is in the report.
pub fn run(
    format: Format,
    source: &Source,
    options: &Options,
    sink: &mut dyn Sink,
    progress: &mut dyn Progress,
) -> Result<Report, ImportError> {
    let mut out = Out::new(sink, progress, options.batch_entities);
    let feed = options.feed.clone().unwrap_or_else(|| match format {
        Format::Osm => crate::osm::FEED.to_owned(),
        _ => source.stem(),
    });
    match format {
        Format::Gtfs => crate::gtfs::import(source, &feed, &mut out)?,
        Format::GtfsRealtime => crate::gtfs_rt::import(source, &feed, &mut out)?,
        Format::Osm => crate::osm::import(source, &feed, &mut out)?,
        Format::Ngsi => crate::documents::import(source, options, &mut out)?,
        Format::Csv => match &options.mapping {
            Some(mapping) => crate::tabular::import(source, mapping, &mut out)?,
            None => {
                return Err(ImportError::mapping(
                    &source.name(),
                    &"a CSV file needs a mapping",
                ));
            }
        },
    }
    Ok(out.finish()?)
}

//! The zip of a feed: which file is which, and that all of it can be unpacked.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use zip::ZipArchive;

use crate::error::ImportError;
use crate::out::Out;
use crate::rows::Rows;
use crate::source::{Seekable, Source};
use crate::table::{Meter, Table};

/// Files that are read.
const FILES: &[&str] = &[
    "agency.txt",
    "attributions.txt",
    "calendar.txt",
    "calendar_dates.txt",
    "feed_info.txt",
    "frequencies.txt",
    "levels.txt",
    "routes.txt",
    "shapes.txt",
    "stop_times.txt",
    "stops.txt",
    "transfers.txt",
    "translations.txt",
    "trips.txt",
];
/// Files of which one at least makes an archive a feed.
const CORE_FILES: &[&str] = &["agency.txt", "routes.txt", "stops.txt", "trips.txt"];
/// Entries of the archive: a feed has some thirty.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of all files unpacked: some ten times the largest feed of a country.
const UNPACKED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Timetables pack to a tenth; what packs to less than this part, and is large, is made to harm.
const PACKED_RATIO_MAX: u64 = 300;
/// Below this a strange ratio does no harm: a file of zeros may be small.
const HARMLESS_BYTES: u64 = 64 * 1024 * 1024;

/// An opened feed.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<Box<dyn Seekable>>>,
    entries: BTreeMap<&'static str, usize>,
    name: String,
    done: Rc<Cell<u64>>,
    total: u64,
}

impl Archive {
    /// Opens the feed and unpacks all of it once, so that a broken archive is known before
    /// anything is handed on. Names what it does not read.
    pub(super) fn open(source: &Source, out: &mut Out<'_>) -> Result<Self, ImportError> {
        let name = source.name();
        let (file, _size) = source.open()?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|reason| {
            ImportError::broken(&name, &format!("this is no readable zip: {reason}"))
        })?;
        if zip.len() > ENTRIES_MAX {
            return Err(ImportError::too_large(
                &name,
                format!("more than {ENTRIES_MAX} entries"),
            ));
        }
        let mut archive = Self {
            zip,
            entries: BTreeMap::new(),
            name,
            done: Rc::new(Cell::new(0)),
            total: 0,
        };
        archive.choose(out)?;
        archive.check()?;
        Ok(archive)
    }

    /// Finds the folder of the feed: the highest that has one of its core files.
    fn choose(&mut self, out: &mut Out<'_>) -> Result<(), ImportError> {
        let mut folders: BTreeMap<(usize, String), Vec<(String, usize)>> = BTreeMap::new();
        for index in 0..self.zip.len() {
            let Some(path) = self.zip.name_for_index(index) else {
                continue;
            };
            let path = path.replace('\\', "/");
            let (folder, base) = path.rsplit_once('/').unwrap_or(("", &path));
            if base.is_empty() || base.starts_with('.') || folder.starts_with("__MACOSX") {
                continue;
            }
            let depth = folder.split('/').filter(|part| !part.is_empty()).count();
            let base = base.trim().to_ascii_lowercase();
            folders
                .entry((depth, folder.to_owned()))
                .or_default()
                .push((base, index));
        }
        let mut feeds = folders.into_iter().filter(|(_, files)| {
            files
                .iter()
                .any(|(base, _)| CORE_FILES.contains(&base.as_str()))
        });
        let Some((_, files)) = feeds.next() else {
            return Err(ImportError::broken(
                &self.name,
                &"no agency, routes, stops or trips in this zip",
            ));
        };
        for (base, index) in files {
            match FILES.iter().find(|known| **known == base) {
                Some(known) => {
                    self.entries.entry(known).or_insert(index);
                }
                None => out.left_out(format!("{base}: not read")),
            }
        }
        for ((_, folder), _) in feeds {
            out.left_out(format!("folder {folder:?}: another feed in the same zip"));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), ImportError> {
        let mut total: u64 = 0;
        for (file, index) in &self.entries {
            let broken = |reason: &dyn std::fmt::Display| {
                ImportError::broken(&self.name, &format!("{file} cannot be unpacked: {reason}"))
            };
            let entry = self
                .zip
                .by_index(*index)
                .map_err(|reason| broken(&reason))?;
            let packed = entry.compressed_size().max(1);
            let allowed = packed.saturating_mul(PACKED_RATIO_MAX).max(HARMLESS_BYTES);
            let allowed = allowed.min(UNPACKED_BYTES_MAX - total);
            let bytes = io::copy(&mut entry.take(allowed + 1), &mut io::sink())
                .map_err(|reason| broken(&reason))?;
            if bytes > allowed {
                let reason = format!("{file} unpacks to more than {allowed} bytes");
                return Err(ImportError::too_large(&self.name, reason));
            }
            total += bytes;
            let passes = if ["stops.txt", "trips.txt"].contains(file) {
                2
            } else {
                1
            };
            self.total += passes * bytes;
        }
        Ok(())
    }

    /// The feed has this file.
    pub(super) fn has(&self, file: &str) -> bool {
        self.entries.contains_key(file)
    }

    /// Opens one file of the feed at its header; `None` if the feed has none.
    pub(super) fn table(
        &mut self,
        file: &'static str,
        out: &mut Out<'_>,
    ) -> Result<Option<Table<'_>>, ImportError> {
        let Some(&index) = self.entries.get(file) else {
            return Ok(None);
        };
        let entry = self
            .zip
            .by_index(index)
            .map_err(|reason| ImportError::broken(file, &reason))?;
        let input = Counted {
            input: entry,
            done: Rc::clone(&self.done),
        };
        let rows = Rows::open(Box::new(input), b',', None)
            .map_err(|reason| ImportError::broken(file, &reason))?;
        let meter = Meter {
            done: Rc::clone(&self.done),
            total: self.total,
        };
        Table::new(rows, file, meter, out).map(Some)
    }
}

struct Counted<R> {
    input: R,
    done: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.done.set(self.done.get() + count as u64);
        Ok(count)
    }
}

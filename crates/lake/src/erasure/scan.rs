//! Proof: every file of the node is read again, byte by byte, and Parquet decoded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use base::{Name, Tenant};
use memchr::memmem::Finder;
use ngsi::temporal::Span;

use super::Wish;
use crate::history::scan::{Scan, Source};
use crate::sealing::blocking;
use crate::{Lake, LakeError};

/// Bytes read at once.
const PIECE: usize = 1 << 20;
/// Files that a receipt names.
const FOUND_MAX: usize = 100;
/// Folders within folders.
const DEPTH_MAX: usize = 16;
/// Bytes by which a name may be longer than a subject's.
const NAME_MAX: usize = 256;
/// Longer names that are looked up.
const UNSURE_MAX: usize = 10_000;

/// What was read, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that still name a subject.
    pub found: Vec<String>,
    /// How often a longer name begins like a subject's: another's.
    pub longer: u64,
}

/// Longer names that were met where bytes do not say where a name ends, and in which file.
#[derive(Debug, Default)]
struct Unsure(BTreeMap<Vec<u8>, String>);

impl Scanned {
    fn found(&mut self, file: impl Into<String>) {
        let file = file.into();
        if self.found.len() < FOUND_MAX && !self.found.contains(&file) {
            self.found.push(file);
        }
    }
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hit {
    /// A subject.
    Whole,
    /// A longer name.
    Longer,
}

/// The subjects to look for.
#[derive(Debug, Clone)]
pub(super) struct Needles(Vec<Finder<'static>>);

impl Needles {
    pub(super) fn new(subjects: &[Name]) -> Self {
        let finders = subjects
            .iter()
            .map(|id| Finder::new(id.as_bytes()).into_owned());
        Self(finders.collect())
    }

    /// The worst of what stands in some bytes.
    pub(super) fn first(&self, bytes: &[u8]) -> Option<Hit> {
        let mut worst = None;
        self.each(bytes, true, |hit, _| {
            worst = match (worst, hit) {
                (Some(Hit::Whole), _) | (_, Hit::Whole) => Some(Hit::Whole),
                _ => Some(Hit::Longer),
            };
        });
        worst
    }

    /// Shows each place and the name that stands there; unless they `end` the whole, what stands at
    /// the end of the bytes is not looked at.
    fn each(&self, bytes: &[u8], end: bool, mut hit: impl FnMut(Hit, &[u8])) {
        let goes_on =
            |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'%');
        for finder in &self.0 {
            let len = finder.needle().len();
            for at in finder.find_iter(bytes) {
                let rest = bytes.get(at + len..).unwrap_or_default();
                if rest.len() < NAME_MAX && !end {
                    continue;
                }
                let more = rest.iter().take(NAME_MAX).take_while(goes_on).count();
                let name = bytes.get(at..at + len + more).unwrap_or_default();
                hit(if more > 0 { Hit::Longer } else { Hit::Whole }, name);
            }
        }
    }

    fn longest(&self) -> usize {
        let lens = self.0.iter().map(|finder| finder.needle().len());
        lens.max().unwrap_or(0)
    }
}

impl Lake {
    /// Reads all files of the node for the subjects.
    pub(super) async fn scan_for(
        &self,
        wish: &Wish,
        everywhere: &[(Tenant, Name)],
    ) -> Result<Scanned, LakeError> {
        let mut scanned = Scanned::default();
        let needles = Arc::new(Needles::new(&wish.subjects));
        if let Some(forget) = self.parts.past.as_ref().and_then(|past| past.forgets()) {
            let (_, still) = forget.remembers(everywhere).await?;
            for file in still {
                scanned.found(file);
            }
            if let Some(folder) = forget.folder() {
                let needles = Arc::clone(&needles);
                let unsure;
                (scanned, unsure) = blocking(move || {
                    let mut unsure = Unsure::default();
                    scan_folder(&folder, &needles, (&mut scanned, &mut unsure), 0)?;
                    Ok((scanned, unsure))
                })
                .await?;
                self.explain(unsure, &mut scanned).await?;
            }
        }
        for path in self.objects.list().await? {
            if !path.ends_with(".parquet") {
                continue;
            }
            let source = match self.objects.source(&path).await {
                Ok(source) => source,
                // It went in the meantime.
                Err(_) if !self.objects.has(&path).await? => continue,
                Err(error) => return Err(error),
            };
            let (name, needles) = (path.clone(), Arc::clone(&needles));
            let hits = blocking(move || scan_table(&name, source, &needles)).await?;
            scanned.files += 1;
            scanned.bytes += self.objects.size(&path).await?.unwrap_or(0);
            scanned.longer += hits.1;
            if hits.0 {
                scanned.found(path);
            }
        }
        Ok(scanned)
    }

    /// A longer name is another's if there is such an entity; else it may be a subject's with
    /// something behind it, and counts as found.
    async fn explain(&self, unsure: Unsure, scanned: &mut Scanned) -> Result<(), LakeError> {
        let store = self.parts.broker.store();
        let tenants = store.tenants().await?;
        let all = Span::all(1);
        for (name, file) in unsure.0 {
            let mut is_known = false;
            if let Ok(id) = std::str::from_utf8(&name) {
                for tenant in &tenants {
                    is_known |= store.read(tenant, id).await?.is_some()
                        || store.history(tenant, id, &all).await?.is_some();
                }
            }
            if !is_known {
                scanned.found(file);
            }
        }
        Ok(())
    }
}

fn refused(path: &Path) -> impl FnOnce(std::io::Error) -> LakeError {
    let action = format!("read {}", path.display());
    move |source| LakeError::Files { action, source }
}

fn scan_folder(
    dir: &Path,
    needles: &Needles,
    (scanned, unsure): (&mut Scanned, &mut Unsure),
    depth: usize,
) -> Result<(), LakeError> {
    if depth > DEPTH_MAX {
        let what = format!("{}: there are too many folders in folders", dir.display());
        return Err(LakeError::Limit(what));
    }
    for entry in std::fs::read_dir(dir).map_err(refused(dir))? {
        let entry = entry.map_err(refused(dir))?;
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(refused(&path)(error)),
        };
        if kind.is_dir() {
            scan_folder(&path, needles, (scanned, unsure), depth + 1)?;
        } else if kind.is_file() {
            scan_file(&path, needles, scanned, unsure)?;
        }
    }
    Ok(())
}

fn scan_file(
    path: &Path,
    needles: &Needles,
    scanned: &mut Scanned,
    unsure: &mut Unsure,
) -> Result<(), LakeError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // It went in the meantime: a checkpoint or a segment that was replaced.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(path)(error)),
    };
    scanned.files += 1;
    // What stands at the end is looked at again with what follows it.
    let overlap = needles.longest() + NAME_MAX;
    let mut bytes = Vec::with_capacity(PIECE + overlap);
    loop {
        let piece = u64::try_from(PIECE).unwrap_or(u64::MAX);
        let read = file.by_ref().take(piece).read_to_end(&mut bytes);
        let read = read.map_err(refused(path))?;
        scanned.bytes += read as u64;
        let file = path.display();
        let mut is_found = false;
        needles.each(&bytes, read == 0, |hit, name| {
            is_found |= hit == Hit::Whole || unsure.0.len() >= UNSURE_MAX;
            if hit == Hit::Longer {
                scanned.longer += 1;
                let known = unsure.0.contains_key(name);
                if !known && unsure.0.len() < UNSURE_MAX {
                    unsure.0.insert(name.to_vec(), file.to_string());
                }
            }
        });
        if is_found {
            scanned.found(file.to_string());
        }
        if read == 0 {
            return Ok(());
        }
        let cut = bytes.len().saturating_sub(overlap);
        bytes.drain(..cut);
    }
}

/// Whether a table names a subject in any column, and how often longer names.
fn scan_table(path: &str, source: Source, needles: &Needles) -> Result<(bool, u64), LakeError> {
    let (mut is_found, mut longer) = (false, 0);
    let mut scan = Scan::open(path, source, None)?;
    while let Some(batch) = scan.read()? {
        each_value(&batch, |value| {
            needles.each(value, true, |hit, _| match hit {
                Hit::Whole => is_found = true,
                Hit::Longer => longer += 1,
            });
        });
    }
    Ok((is_found, longer))
}

/// Shows the values of all columns of texts and bytes.
fn each_value(batch: &RecordBatch, mut each: impl FnMut(&[u8])) {
    for column in batch.columns() {
        if let Some(texts) = column.as_string_opt::<i32>() {
            texts
                .iter()
                .flatten()
                .for_each(|text| each(text.as_bytes()));
        } else if let Some(bytes) = column.as_binary_opt::<i32>() {
            bytes.iter().flatten().for_each(&mut each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_told_from_a_longer_name() {
        let needles = Needles::new(&[Name::from("urn:p:1")]);
        assert_eq!(needles.first(b"x urn:p:12 y"), Some(Hit::Longer));
        assert_eq!(needles.first(b"urn:p:12, \"urn:p:1\""), Some(Hit::Whole));
        assert_eq!(needles.first(b"urn:p:1"), Some(Hit::Whole));
        assert_eq!(needles.first(b"urn:p:2"), None);
    }

    #[test]
    fn a_subject_is_found_wherever_pieces_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let needles = Needles::new(&[Name::from("urn:p:1")]);
        for at in PIECE - 9..PIECE + 2 {
            let mut bytes = vec![b' '; PIECE + 100];
            bytes.splice(at..at + 7, *b"urn:p:1");
            let path = dir.path().join("f");
            std::fs::write(&path, &bytes).expect("a file");
            let mut scanned = Scanned::default();
            let mut unsure = Unsure::default();
            let into = (&mut scanned, &mut unsure);
            scan_folder(dir.path(), &needles, into, 0).expect("it reads");
            assert_eq!(scanned.found.len(), 1, "at {at}");
            assert_eq!(scanned.bytes, bytes.len() as u64);
        }
    }
}

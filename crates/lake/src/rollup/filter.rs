//! Files written anew without some of their rows, and what attributes a file has rows of.

use std::collections::BTreeMap;

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;

use crate::history::scan::Scan;
use crate::history::write::failed;
use crate::rollup::sheets::{Sheets, Trail};
use crate::{Entry, Lake, LakeError};

/// Begins to read a file; only these columns, or all.
pub(super) async fn open(
    lake: &Lake,
    entry: &Entry,
    columns: Option<&[&str]>,
) -> Result<Scan, LakeError> {
    let source = lake.objects.source(&entry.path).await?;
    Scan::open(&entry.path, source, columns)
}

/// The next rows of a file, unless the node stops.
pub(super) fn next(lake: &Lake, scan: &mut Scan) -> Result<Option<RecordBatch>, LakeError> {
    if lake.parts.tasks.is_stopping() {
        return Err(LakeError::GivenUp("the node stops".to_owned()));
    }
    scan.read()
}

/// A column of texts.
pub(crate) fn texts<'a>(
    batch: &'a RecordBatch,
    column: &str,
    path: &str,
) -> Result<&'a StringArray, LakeError> {
    let found = batch.column_by_name(column).and_then(|c| c.as_string_opt());
    found.ok_or_else(|| {
        LakeError::Corrupt(format!("{path}: there is no column of texts '{column}'"))
    })
}

/// Of which attributes a file has how many rows.
pub(crate) async fn attributes(
    lake: &Lake,
    entry: &Entry,
) -> Result<BTreeMap<String, u64>, LakeError> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut scan = open(lake, entry, Some(&["attribute_uri"])).await?;
    while let Some(batch) = next(lake, &mut scan)? {
        let names = texts(&batch, "attribute_uri", &entry.path)?;
        let mut at = 0;
        while at < names.len() {
            let name = names.value(at);
            let run = (at..names.len())
                .take_while(|i| names.value(*i) == name)
                .count();
            match found.get_mut(name) {
                Some(count) => *count += run as u64,
                None => drop(found.insert(name.to_owned(), run as u64)),
            }
            at += run;
        }
    }
    Ok(found)
}

/// Writes a file anew with the rows that `keep` says of; each new file is durable.
pub(crate) async fn filtered(
    (lake, trail): (&Lake, &Trail),
    entry: &Entry,
    keep: impl Fn(&RecordBatch) -> Result<BooleanArray, LakeError> + Send + Sync,
) -> Result<Vec<Entry>, LakeError> {
    let mut scan = open(lake, entry, None).await?;
    let mut sheets: Option<Sheets<'_>> = None;
    while let Some(batch) = next(lake, &mut scan)? {
        let kept = filter_record_batch(&batch, &keep(&batch)?);
        let kept = kept.map_err(|error| failed(&entry.path)(error.into()))?;
        let begin = || Sheets::new((lake, trail), entry.partition.clone(), kept.schema());
        sheets.get_or_insert_with(begin).push(&kept).await?;
    }
    match sheets {
        Some(sheets) => sheets.finish().await,
        None => Ok(Vec::new()),
    }
}

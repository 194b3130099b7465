//! One file: where an entity's rows are in it, and those rows.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use base::Name;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector,
};
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use tokio::runtime::Handle;

use super::super::cache::{Bounds, Footers, Kept};
use super::columns::{Names, damaged};
use crate::history::write::failed;
use crate::{Entry, LakeError, Objects};

/// Bytes read from the end of a file at once, in the hope that all that is looked for is there.
const TAIL: u64 = 64 * 1024;
/// Rows decoded at once.
pub(super) const BATCH_ROWS: usize = 8_192;

/// What all readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) objects: Objects,
    /// For object stores, which know only how to be awaited.
    pub(super) runtime: Handle,
    pub(super) footers: Footers,
}

/// Rows of one series that stand together in a row group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) name: Name,
    pub(super) dataset_id: Option<Name>,
    /// Where, counted from the start of the row group.
    pub(super) rows: Range<usize>,
}

/// The rows of an entity in a row group.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) group: usize,
    pub(super) runs: Vec<Run>,
}

/// What of a file is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) entity: &'a str,
    pub(super) attributes: Option<&'a [Name]>,
    pub(super) moments: (i64, i64),
}

impl Wanted<'_> {
    /// Whether the attribute is asked for.
    pub(super) fn has(&self, attribute: &str) -> bool {
        let names = self.attributes;
        names.is_none_or(|names| names.iter().any(|name| **name == *attribute))
    }

    /// Whether a row group may have any of it.
    fn may_be_in(&self, bounds: &Bounds) -> bool {
        let entity = self.entity.as_bytes();
        let is_in = |name: &Name| {
            let name = name.as_bytes();
            bounds.attributes.0.as_slice() <= name && name <= bounds.attributes.1.as_slice()
        };
        bounds.first.as_slice() <= entity
            && entity <= bounds.last.as_slice()
            && bounds.moments.0 <= self.moments.1
            && self.moments.0 <= bounds.moments.1
            && self.attributes.is_none_or(|names| names.iter().any(is_in))
    }
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
    path: Arc<str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(shared: &'a Shared, entry: &'a Entry) -> Self {
        Self {
            shared,
            entry,
            path: entry.path.as_str().into(),
        }
    }

    /// The row groups that may have any of it, and whether their rows are all of default datasets.
    pub(super) fn groups(&self, wanted: Wanted<'_>) -> Result<Vec<(usize, bool)>, LakeError> {
        let bounds = self.bounds()?;
        let groups = bounds.iter().enumerate();
        let may = groups.filter(|(_, bounds)| wanted.may_be_in(bounds));
        Ok(may.map(|(group, b)| (group, b.is_default)).collect())
    }

    /// Where the rows of an entity are.
    pub(super) fn find(&self, wanted: Wanted<'_>) -> Result<Vec<Found>, LakeError> {
        let mut all = Vec::new();
        for (group, _) in self.groups(wanted)? {
            let metadata = self.group(group)?;
            let rows = pages_of(metadata.metadata(), wanted.entity.as_bytes());
            if rows.is_empty() {
                continue;
            }
            let mut runs = Vec::new();
            let mut at = rows.start;
            self.decode(&metadata, &Names::COLUMNS, &[rows], |batch| {
                let names = Names::of(batch).ok_or_else(|| damaged(self.entry))?;
                names.runs(wanted, at, &mut runs);
                at += batch.num_rows();
                Ok(())
            })?;
            if !runs.is_empty() {
                all.push(Found { group, runs });
            }
        }
        Ok(all)
    }

    /// The part of a run that may have such moments, as far as pages tell.
    pub(super) fn clip(
        &self,
        group: usize,
        run: &Range<usize>,
        moments: (i64, i64),
    ) -> Result<Range<usize>, LakeError> {
        let metadata = self.group(group)?;
        Ok(clip(metadata.metadata(), run, moments).unwrap_or_else(|| run.clone()))
    }

    /// Decodes ranges of rows of a row group, in their order, and shows them batch by batch.
    pub(super) fn rows(
        &self,
        group: usize,
        columns: &[&str],
        ranges: &[Range<usize>],
        show: impl FnMut(&RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let metadata = self.group(group)?;
        self.decode(&metadata, columns, ranges, show)
    }

    fn decode(
        &self,
        metadata: &ArrowReaderMetadata,
        columns: &[&str],
        ranges: &[Range<usize>],
        mut show: impl FnMut(&RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let failed = || failed(&self.entry.path);
        let mask = ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied());
        let mut decoder = ParquetPushDecoderBuilder::new_with_metadata(metadata.clone())
            .with_projection(mask)
            .with_row_selection(selection(ranges))
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(failed())?;
        loop {
            match decoder.try_decode().map_err(failed())? {
                DecodeResult::NeedsData(ranges) => {
                    let bytes = self.read(&ranges)?;
                    decoder.push_ranges(ranges, bytes).map_err(failed())?;
                }
                DecodeResult::Data(batch) => show(&batch)?,
                DecodeResult::Finished => return Ok(()),
            }
        }
    }

    /// Which rows the row groups have.
    fn bounds(&self) -> Result<Arc<[Bounds]>, LakeError> {
        let key = (Arc::clone(&self.path), None);
        if let Some(Kept::File(bounds)) = self.shared.footers.get(&key) {
            return Ok(bounds);
        }
        let footer = self.footer()?;
        let bounds: Option<Vec<Bounds>> = footer.row_groups().iter().map(bounds).collect();
        let bounds: Arc<[Bounds]> = bounds.ok_or_else(|| damaged(self.entry))?.into();
        if let [_] = footer.row_groups() {
            self.keep_group(&footer, 0)?;
        }
        let kept = Kept::File(Arc::clone(&bounds));
        self.shared.footers.put(key, kept);
        Ok(bounds)
    }

    /// What is needed to read a row group: metadata of a file that has but that one.
    fn group(&self, group: usize) -> Result<ArrowReaderMetadata, LakeError> {
        let key = (Arc::clone(&self.path), Some(group));
        if let Some(Kept::Group(metadata)) = self.shared.footers.get(&key) {
            return Ok(metadata);
        }
        self.keep_group(&self.footer()?, group)
    }

    fn keep_group(
        &self,
        footer: &ParquetMetaData,
        group: usize,
    ) -> Result<ArrowReaderMetadata, LakeError> {
        let failed = || failed(&self.entry.path);
        let row_group = footer.row_groups().get(group);
        let row_group = row_group.ok_or_else(|| damaged(self.entry))?.clone();
        let alone = ParquetMetaData::new(footer.file_metadata().clone(), vec![row_group]);
        let decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(self.entry.bytes, alone);
        let decoder = decoder
            .map_err(failed())?
            .with_page_index_policy(PageIndexPolicy::Optional);
        let alone = self.metadata(decoder)?;
        let metadata = ArrowReaderMetadata::try_new(Arc::new(alone), ArrowReaderOptions::new())
            .map_err(failed())?;
        let key = (Arc::clone(&self.path), Some(group));
        self.shared.footers.put(key, Kept::Group(metadata.clone()));
        Ok(metadata)
    }

    /// The footer, without its index of pages.
    fn footer(&self) -> Result<ParquetMetaData, LakeError> {
        let failed = || failed(&self.entry.path);
        let mut decoder = ParquetMetaDataPushDecoder::try_new(self.entry.bytes)
            .map_err(failed())?
            .with_page_index_policy(PageIndexPolicy::Skip);
        let tail = self.entry.bytes.saturating_sub(TAIL)..self.entry.bytes;
        let bytes = self.read(std::slice::from_ref(&tail))?;
        decoder.push_ranges(vec![tail], bytes).map_err(failed())?;
        self.metadata(decoder)
    }

    fn metadata(
        &self,
        mut decoder: ParquetMetaDataPushDecoder,
    ) -> Result<ParquetMetaData, LakeError> {
        let failed = || failed(&self.entry.path);
        loop {
            match decoder.try_decode().map_err(failed())? {
                DecodeResult::NeedsData(ranges) => {
                    let bytes = self.read(&ranges)?;
                    decoder.push_ranges(ranges, bytes).map_err(failed())?;
                }
                DecodeResult::Data(metadata) => return Ok(metadata),
                DecodeResult::Finished => return Err(damaged(self.entry)),
            }
        }
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, LakeError> {
        let objects = &self.shared.objects;
        let Some(path) = objects.local(&self.entry.path) else {
            let at = object_store::path::Path::from(self.entry.path.as_str());
            let store = objects.store();
            let read = self.shared.runtime.block_on(store.get_ranges(&at, ranges));
            return read.map_err(|source| LakeError::Objects {
                action: format!("read {}", self.entry.path),
                source,
            });
        };
        let read = || {
            let mut file = File::open(&path)?;
            let read = ranges.iter().map(|range| {
                let len = usize::try_from(range.end.saturating_sub(range.start));
                let mut bytes = vec![0; len.map_err(std::io::Error::other)?];
                file.seek(SeekFrom::Start(range.start))?;
                file.read_exact(&mut bytes)?;
                Ok(Bytes::from(bytes))
            });
            read.collect::<std::io::Result<Vec<Bytes>>>()
        };
        read().map_err(|source| LakeError::Files {
            action: format!("read {}", path.display()),
            source,
        })
    }
}

/// The ranges, which are in order and apart, as Parquet wants them.
fn selection(ranges: &[Range<usize>]) -> RowSelection {
    let mut selectors = Vec::with_capacity(ranges.len() * 2);
    let mut at = 0;
    for range in ranges {
        if range.start > at {
            selectors.push(RowSelector::skip(range.start - at));
        }
        selectors.push(RowSelector::select(range.len()));
        at = range.end;
    }
    RowSelection::from(selectors)
}

fn column(group: &RowGroupMetaData, name: &str) -> Option<usize> {
    let mut columns = group.columns().iter();
    columns.position(|column| column.column_path().string() == name)
}

/// The bounds of a row group; `None`: a column that every file has is not there.
fn bounds(group: &RowGroupMetaData) -> Option<Bounds> {
    let of = |name: &str| group.columns().get(column(group, name)?);
    let texts = |name: &str| {
        let said = of(name)?.statistics();
        let first = said.and_then(|s| s.min_bytes_opt()).unwrap_or_default();
        // What is not said may be anything: nothing in UTF-8 is after this byte.
        let last = said.and_then(|s| s.max_bytes_opt()).unwrap_or(&[0xFF]);
        Some((first.to_vec(), last.to_vec()))
    };
    let time = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_le_bytes);
    let said = of("time")?.statistics();
    let from = said.and_then(|s| s.min_bytes_opt()).and_then(time);
    let until = said.and_then(|s| s.max_bytes_opt()).and_then(time);
    let nulls = of("dataset")?
        .statistics()
        .and_then(Statistics::null_count_opt);
    let (first, last) = texts("entity")?;
    Some(Bounds {
        first,
        last,
        attributes: texts("attribute_uri")?,
        is_default: nulls == u64::try_from(group.num_rows()).ok(),
        moments: (from.unwrap_or(i64::MIN), until.unwrap_or(i64::MAX)),
    })
}

/// Where the pages of a column begin, and the end of the last one; `None`: that is not said.
fn edges(metadata: &ParquetMetaData, column: usize) -> Option<Vec<usize>> {
    let rows = usize::try_from(metadata.row_group(0).num_rows()).ok()?;
    let index = metadata.offset_index()?.first()?.get(column)?;
    let starts = index.page_locations().iter();
    let starts = starts.map(|page| usize::try_from(page.first_row_index).ok());
    starts.chain([Some(rows)]).collect()
}

/// The rows of the only row group whose pages may have the entity.
fn pages_of(metadata: &ParquetMetaData, entity: &[u8]) -> Range<usize> {
    let group = metadata.row_group(0);
    let all = 0..usize::try_from(group.num_rows()).unwrap_or_default();
    let pages = || {
        let column = column(group, "entity")?;
        let edges = edges(metadata, column)?;
        let ColumnIndexMetaData::BYTE_ARRAY(index) =
            metadata.column_index()?.first()?.get(column)?
        else {
            return None;
        };
        let pages = edges.len().checked_sub(1)?;
        let has = |page: &usize| {
            let (min, max) = (index.min_value(*page), index.max_value(*page));
            min.is_none_or(|min| min <= entity) && max.is_none_or(|max| entity <= max)
        };
        let Some(first) = (0..pages).find(has) else {
            return Some(0..0);
        };
        let last = (first..pages).rev().find(has).unwrap_or(first);
        Some(*edges.get(first)?..*edges.get(last + 1)?)
    };
    pages().unwrap_or(all)
}

/// The part of a run in pages that have such moments. Only pages that lie in the run as a whole
/// say anything of it.
fn clip(
    metadata: &ParquetMetaData,
    run: &Range<usize>,
    (from, until): (i64, i64),
) -> Option<Range<usize>> {
    let column = column(metadata.row_group(0), "time")?;
    let edges = edges(metadata, column)?;
    let ColumnIndexMetaData::INT64(index) = metadata.column_index()?.first()?.get(column)? else {
        return None;
    };
    let (mut start, mut end) = (run.start, run.end);
    for (page, edge) in edges.windows(2).enumerate() {
        let &[first, next] = edge else { continue };
        if first < run.start || next > run.end {
            continue;
        }
        if index.max_value(page).is_some_and(|max| *max < from) {
            start = start.max(next);
        }
        if index.min_value(page).is_some_and(|min| *min > until) {
            end = end.min(first);
        }
    }
    Some(start..end.max(start))
}

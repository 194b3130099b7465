//! From a parcel of the store to files: one for each partition that it touches.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Name, Seq, Tenant};
use ports::{Cut, Past, PastRow, PastSeries};

use crate::history::rows::Rows;
use crate::history::schema::schema;
use crate::history::write::{FileWriter, Sealed};
use crate::limits::{GATHERED_BYTES_MAX, ROW_GROUP_ROWS};
use crate::manifest::day_of;
use crate::{Lake, LakeError, Partition, Table};

/// What a parcel became.
#[derive(Debug)]
pub(super) struct Made {
    /// The last change that is in it.
    pub(super) until: Seq,
    /// How many rows there are.
    pub(super) rows: u64,
    /// New files, in memory.
    pub(super) files: Vec<Sealed>,
    /// What is to be taken out of older ones.
    pub(super) cuts: Vec<Cut>,
}

/// Reads the next parcel and makes files of it; `None`: nothing is new. Blocks on the disk.
pub(super) fn make(
    lake: &Lake,
    past: &dyn Past,
    after: Seq,
    rows_max: u64,
) -> Result<Option<Made>, LakeError> {
    let Some(mut parcel) = past.parcel(after, rows_max)? else {
        return Ok(None);
    };
    let mut sheets = Sheets::new(lake);
    let mut rows = Vec::new();
    let mut count = 0;
    while let Some(series) = parcel.next(&mut rows)? {
        count += rows.len() as u64;
        sheets.push(series, &mut rows)?;
    }
    Ok(Some(Made {
        until: parcel.range().1,
        rows: count,
        files: sheets.finish()?,
        cuts: parcel.cuts(),
    }))
}

/// Files that are being written, one for each partition.
#[derive(Debug)]
struct Sheets<'a> {
    lake: &'a Lake,
    open: BTreeMap<Partition, Sheet>,
    /// Whose rows come now.
    owner: Option<(Tenant, Name)>,
    /// About how many bytes of rows are gathered in all sheets.
    gathered: usize,
    /// Whether some sheet has a whole group of rows.
    is_full: bool,
}

#[derive(Debug, Default)]
struct Sheet {
    rows: Rows,
    file: Option<FileWriter>,
}

impl<'a> Sheets<'a> {
    fn new(lake: &'a Lake) -> Self {
        Self {
            lake,
            open: BTreeMap::new(),
            owner: None,
            gathered: 0,
            is_full: false,
        }
    }

    /// Takes rows of a series, in order of moment: each goes to the sheet of its day.
    fn push(&mut self, series: PastSeries, rows: &mut Vec<PastRow>) -> Result<(), LakeError> {
        let owner = (series.tenant.clone(), series.entity.clone());
        if self.owner.as_ref() != Some(&owner) {
            self.make_room()?;
            self.owner = Some(owner);
        }
        let series = Arc::new(series);
        let class = series.types.first().map_or("", |class| &**class);
        let mut rows = rows.drain(..).peekable();
        while let Some(first) = rows.peek() {
            let day = day_of(first.moment);
            let partition = Partition {
                table: Table::History,
                tenant: series.tenant.as_str().to_owned(),
                class: class.to_owned(),
                day,
            };
            let sheet = self.open.entry(partition).or_default();
            let before = sheet.rows.bytes();
            let of_day = std::iter::from_fn(|| rows.next_if(|row| day_of(row.moment) == day));
            sheet.rows.extend(&series, of_day);
            self.gathered += sheet.rows.bytes() - before;
            self.is_full |= sheet.rows.len() >= ROW_GROUP_ROWS;
        }
        Ok(())
    }

    /// Between two entities: packs sheets that have enough rows, and if all together have too many
    /// bytes, those that have most.
    fn make_room(&mut self) -> Result<(), LakeError> {
        if self.is_full {
            self.pack(|rows| rows.len() >= ROW_GROUP_ROWS)?;
            self.is_full = false;
        }
        while self.gathered > GATHERED_BYTES_MAX {
            let most = self.open.values().map(|sheet| sheet.rows.bytes()).max();
            let most = most.unwrap_or_default().max(1);
            self.pack(|rows| rows.bytes() * 2 >= most)?;
        }
        Ok(())
    }

    fn pack(&mut self, enough: impl Fn(&Rows) -> bool) -> Result<(), LakeError> {
        let chosen = self.open.iter_mut();
        for (partition, sheet) in chosen.filter(|(_, sheet)| enough(&sheet.rows)) {
            self.gathered -= sheet.rows.bytes();
            sheet.pack(self.lake, partition)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Sealed>, LakeError> {
        let mut files = Vec::new();
        for (partition, mut sheet) in self.open {
            sheet.pack(self.lake, &partition)?;
            if let Some(file) = sheet.file {
                files.extend(file.finish()?);
            }
        }
        Ok(files)
    }
}

impl Sheet {
    fn pack(&mut self, lake: &Lake, partition: &Partition) -> Result<(), LakeError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let path = lake.new_path(partition);
            let file = FileWriter::new(path, partition.clone(), &schema())?;
            self.file.insert(file)
        };
        file.write(&self.rows.take()?)
    }
}

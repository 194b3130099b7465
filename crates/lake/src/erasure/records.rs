//! Rows of the lake that speak of the subjects: counted in history, taken out of records.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use base::Name;

use super::Wish;
use super::receipt::Tier;
use crate::history::scan::Scan;
use crate::rollup::{Trail, filtered};
use crate::sealing::blocking;
use crate::{Edit, Entry, Lake, LakeError, Table};

/// How often a table is tried again that somebody else rewrote meanwhile.
const TRIES: u32 = 5;

impl Lake {
    /// How many files and rows of sealed history and its roll-ups speak of the subjects.
    pub(super) async fn count_sealed(&self, wish: &Wish) -> Result<Vec<Tier>, LakeError> {
        let manifest = self.manifest();
        let mut tiers: Vec<Tier> = Vec::new();
        for (partition, files) in manifest.partitions() {
            let name = match &partition.table {
                Table::History => "history".to_owned(),
                Table::Rolled(period) => ngsi::temporal::period_text(*period),
                Table::Records(_) => continue,
            };
            if partition.tenant != wish.tenant.as_str() {
                continue;
            }
            for entry in files {
                let (first, last) = &entry.entities;
                let may_have = |id: &Name| **id >= *first.as_str() && **id <= *last.as_str();
                if !wish.subjects.iter().any(may_have) {
                    continue;
                }
                let rows = self.rows_of(entry, "entity", &wish.subjects).await?;
                if rows == 0 {
                    continue;
                }
                let place = tiers.iter().position(|tier| tier.name == name);
                let place = place.unwrap_or_else(|| {
                    let name = name.clone();
                    tiers.push(Tier {
                        name,
                        ..Tier::default()
                    });
                    tiers.len() - 1
                });
                if let Some(tier) = tiers.get_mut(place) {
                    tier.files += 1;
                    tier.rows += rows;
                }
            }
        }
        Ok(tiers)
    }

    /// How many rows of a file name one of the subjects in a column.
    async fn rows_of(
        &self,
        entry: &Arc<Entry>,
        column: &str,
        subjects: &[Name],
    ) -> Result<u64, LakeError> {
        let source = self.objects.source(&entry.path).await?;
        let (entry, column) = (Arc::clone(entry), column.to_owned());
        let subjects = subjects.to_vec();
        blocking(move || {
            let mut rows = 0;
            let mut scan = Scan::open(&entry.path, source, Some(&[&column]))?;
            while let Some(batch) = scan.read()? {
                let others = others(&batch, &column, &subjects, &entry.path)?;
                rows += others.false_count() as u64;
            }
            Ok(rows)
        })
        .await
    }

    /// Writes the files of record tables anew without the rows of the subjects.
    pub(super) async fn erase_records(&self, wish: &Wish) -> Result<Vec<Tier>, LakeError> {
        let mut tiers = Vec::new();
        for table in self.record_tables(&wish.tenant) {
            let Some(subject) = &table.definition.subject else {
                continue;
            };
            let mut tries = 1;
            let tier = loop {
                match self.erase_table(wish, &table.name, subject).await {
                    Err(LakeError::Conflict(_)) if tries < TRIES => tries += 1,
                    done => break done?,
                }
            };
            tiers.extend(Some(tier).filter(|tier| tier.files > 0));
        }
        Ok(tiers)
    }

    async fn erase_table(&self, wish: &Wish, name: &str, subject: &str) -> Result<Tier, LakeError> {
        let mut tier = Tier {
            name: name.to_owned(),
            ..Tier::default()
        };
        let _alone = self.rewriting.lock().await;
        let table = Table::Records(name.to_owned());
        let manifest = self.manifest();
        let files = manifest.table(&table, wish.tenant.as_str());
        let files: Vec<Arc<Entry>> = files.map(Arc::clone).collect();
        drop(manifest);
        let trail = Trail::default();
        let mut edit = Edit::default();
        for entry in files {
            let rows = match self.rows_of(&entry, subject, &wish.subjects).await {
                Ok(0) => continue,
                Ok(rows) => rows,
                Err(error) => {
                    trail.sweep(self).await;
                    return Err(error);
                }
            };
            let keep = |batch: &RecordBatch| others(batch, subject, &wish.subjects, &entry.path);
            match filtered((self, &trail), &entry, keep).await {
                Ok(add) => edit.add.extend(add),
                Err(error) => {
                    trail.sweep(self).await;
                    return Err(error);
                }
            }
            edit.remove.push(entry);
            tier.files += 1;
            tier.rows += rows;
        }
        if !edit.remove.is_empty() {
            self.commit(edit).await?;
        }
        Ok(tier)
    }
}

/// Which rows of a batch name none of the subjects in a column, whatever the column's type.
fn others(
    batch: &RecordBatch,
    column: &str,
    subjects: &[Name],
    path: &str,
) -> Result<BooleanArray, LakeError> {
    let Some(values) = batch.column_by_name(column) else {
        // A file from before the column was there names nobody.
        return Ok(BooleanArray::from(vec![true; batch.num_rows()]));
    };
    let broken = |error| LakeError::Corrupt(format!("the file {path}: {error}"));
    let texts = cast(values, &DataType::Utf8).map_err(broken)?;
    let texts: &StringArray = texts.as_string();
    let is_other = |row: usize| {
        let is_theirs = texts.is_valid(row) && subjects.iter().any(|id| **id == *texts.value(row));
        Some(!is_theirs)
    };
    Ok((0..texts.len()).map(is_other).collect())
}

//! Making a parcel true: its files, what they and its cuts take out of older ones, and the cursor.

use std::sync::Arc;

use super::blocking;
use super::parcel::Made;
use crate::history::schema;
use crate::history::settle::Takes;
use crate::history::write::{FileWriter, Sealed};
use crate::manifest::was_refused;
use crate::{Edit, Entry, Lake, LakeError, Manifest, Table};

/// Tries when others edit the same files.
const TRIES: usize = 8;

impl Lake {
    /// Writes a file; it is durable when this returns, and counts once an edit names it.
    pub async fn put(&self, file: &Sealed) -> Result<(), LakeError> {
        let path = file.entry.path.as_str();
        self.objects.put(path, file.bytes.clone()).await
    }

    /// Makes an edit true; if it is sure that it is not, the files that it would have added are
    /// removed again.
    pub async fn commit(&self, edit: Edit) -> Result<(), LakeError> {
        let added: Vec<String> = edit.add.iter().map(|entry| entry.path.clone()).collect();
        let committed = self.keeper.commit(edit).await;
        if let Err(error) = &committed
            && is_refusal(error)
        {
            self.discard(&added).await;
        }
        committed
    }

    /// Removes files that never counted. What cannot be removed goes at the next start.
    pub(crate) async fn discard(&self, paths: &[String]) {
        for path in paths {
            if let Err(error) = self.objects.remove(path).await {
                tracing::warn!(%error, "a file that is not needed stays until the next start");
            }
        }
    }

    /// Makes a parcel true.
    pub(super) async fn settle(self: &Arc<Self>, made: Made) -> Result<(), LakeError> {
        let made = Arc::new(made);
        let mut written = Vec::new();
        let settled = self.try_settle(&made, &mut written).await;
        if let Err(error) = &settled
            && !matches!(error, LakeError::Store(error) if !was_refused(error))
        {
            self.discard(&written).await;
        }
        settled
    }

    async fn try_settle(
        self: &Arc<Self>,
        made: &Arc<Made>,
        written: &mut Vec<String>,
    ) -> Result<(), LakeError> {
        for file in &made.files {
            written.push(file.entry.path.clone());
            self.put(file).await?;
        }
        for _ in 0..TRIES {
            let _others_wait = self.rewriting.lock().await;
            let mut edit = Edit {
                add: made.files.iter().map(|file| file.entry.clone()).collect(),
                cursor: Some(made.until),
                ..Edit::default()
            };
            let before = written.len();
            for file in touched(&*self.keeper.sure().await?, made) {
                self.take_from(file, made, &mut edit, written).await?;
            }
            match self.keeper.commit(edit).await {
                Err(LakeError::Conflict(_)) => {
                    let again = written.split_off(before);
                    self.discard(&again).await;
                }
                other => return other,
            }
        }
        Err(LakeError::Conflict(
            "files of the lake were replaced again and again meanwhile".to_owned(),
        ))
    }

    /// Rewrites a sealed file without the rows that count no more, if it has such.
    async fn take_from(
        self: &Arc<Self>,
        file: Arc<Entry>,
        made: &Arc<Made>,
        edit: &mut Edit,
        written: &mut Vec<String>,
    ) -> Result<(), LakeError> {
        let takes = Takes::of(&file, &made.cuts, &made.files);
        if takes.is_nothing() {
            return Ok(());
        }
        let path = file.path.clone();
        let source = self.objects.source(&path).await?;
        let takes = Arc::new(takes);
        let (looked, at) = (Arc::clone(&takes), path.clone());
        if !blocking(move || looked.take_from(&at, source)).await? {
            return Ok(());
        }
        let source = self.objects.source(&path).await?;
        let (lake, old) = (Arc::clone(self), Arc::clone(&file));
        let left = blocking(move || {
            let partition = old.partition.clone();
            let schema = match partition.table {
                Table::Rolled(_) => crate::rollup::schema(),
                _ => schema::schema(),
            };
            let writer = FileWriter::new(lake.new_path(&partition), partition, &schema)?;
            takes.rewrite(&old.path, source, writer)
        });
        if let Some(left) = left.await? {
            written.push(left.entry.path.clone());
            self.put(&left).await?;
            edit.add.push(left.entry);
        }
        edit.remove.push(file);
        Ok(())
    }
}

/// Whether it is sure that the edit is not true.
fn is_refusal(error: &LakeError) -> bool {
    match error {
        LakeError::Store(error) => was_refused(error),
        _ => true,
    }
}

/// The sealed files out of which a parcel may take rows.
fn touched(manifest: &Manifest, made: &Made) -> Vec<Arc<Entry>> {
    let mut touched = Vec::new();
    for (partition, files) in manifest.partitions() {
        if matches!(partition.table, Table::Records(_)) {
            continue;
        }
        let is_of_day = made.files.iter().any(|new| {
            let new = &new.entry.partition;
            new.day == partition.day && new.tenant == partition.tenant
        });
        let is_cut = || {
            let mut tenants = made.cuts.iter().map(|cut| cut.tenant.as_str());
            tenants.any(|tenant| tenant == partition.tenant)
        };
        if is_of_day || is_cut() {
            touched.extend(files.iter().cloned());
        }
    }
    touched
}

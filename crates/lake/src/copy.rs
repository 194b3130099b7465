//! Copies of a lake: for a backup, and back.

use std::path::Path;
use std::sync::Arc;

use ports::Store;

use crate::manifest;
use crate::naming::is_ours;
use crate::{Lake, LakeError, Objects, Place};

/// Copies the files of one place to another, each durable, and says how many; those that are there
/// already are passed over, as a name always means the same bytes.
pub async fn copy(from: &Place, to: &Place) -> Result<usize, LakeError> {
    copy_files(&Objects::open(from)?, &Objects::open(to)?).await
}

async fn copy_files(from: &Objects, to: &Objects) -> Result<usize, LakeError> {
    let mut copied = 0;
    for path in from.list().await? {
        if !is_ours(&path) || !path.ends_with(".parquet") || to.has(&path).await? {
            continue;
        }
        // A file that no list names any more may go meanwhile.
        if let Some(bytes) = from.find(&path).await? {
            to.put(&path, bytes).await?;
            copied += 1;
        }
    }
    Ok(copied)
}

/// The files that a store's manifest names and that are not in a place, as large as they should be.
pub async fn missing(store: Arc<dyn Store>, place: &Place) -> Result<Vec<String>, LakeError> {
    let objects = Objects::open(place)?;
    let manifest = manifest::read(&*store).await?;
    let mut missing = Vec::new();
    for (_, files) in manifest.partitions() {
        for file in files {
            if objects.size(&file.path).await? != Some(file.bytes) {
                missing.push(file.path.clone());
            }
        }
    }
    Ok(missing)
}

impl Lake {
    /// Copies all files of the lake to a folder, durable. Whoever does so keeps a [`Lake::hold`] from
    /// before the store is copied: then each file that the copied store names is among them.
    pub async fn copy_to(&self, folder: &Path) -> Result<usize, LakeError> {
        let to = Objects::open(&Place::Folder(folder.to_owned()))?;
        copy_files(&self.objects, &to).await
    }
}

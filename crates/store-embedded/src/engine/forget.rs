//! Forgetting for good: [`ports::Forget`].
//!
//! What was said of an entity stands in history, in checkpoints and in the log. History is written
//! anew; then comes a checkpoint in which it is no more, the older ones go, and with them the log
//! up to a segment that began after the deletion. That stays as long as a tail has to read it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Name, Seq, Tenant};
use ports::{ARCHIVE_CURSOR, Batch, Forget, Forgotten, Store as _, StoreError};

use super::store::blocking;
use super::{EmbeddedStore, Folder, Shared};
use crate::checkpoint;
use crate::error::Error;
use crate::files::has_extension;

#[async_trait]
impl Forget for EmbeddedStore {
    async fn forget(&self, subjects: &[(Tenant, Name)]) -> Result<Forgotten, StoreError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.log.begin_erasing()).await?;
        // A frame without changes: with it the log goes on in a new file.
        let time = self.shared.core.applying.lock().time;
        let empty = Batch {
            tenant: Tenant::default_tenant(),
            time,
            acts: Vec::new(),
            cursor: None,
        };
        self.commit(empty).await?;
        let (shared, subjects) = (Arc::clone(&self.shared), subjects.to_vec());
        blocking(move || shared.forget(&subjects)).await
    }

    async fn remembers(
        &self,
        subjects: &[(Tenant, Name)],
    ) -> Result<(u64, Vec<String>), StoreError> {
        let (shared, subjects) = (Arc::clone(&self.shared), subjects.to_vec());
        blocking(move || shared.core.history.says_of(&subjects)).await
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.dir().to_owned())
    }
}

impl Shared {
    fn forget(&self, subjects: &[(Tenant, Name)]) -> Result<Forgotten, Error> {
        let before = self.log.last_base();
        let rewritten = {
            let _one = self.maintenance.lock();
            self.core.history.erase(subjects, before)?
        };
        self.checkpoint()?;
        let _one = self.maintenance.lock();
        let mut removed = self.remove_checkpoints(Seq(before.0.saturating_sub(1)))?;
        removed += self.remove_set_aside()?;
        let waits_for = self.waits_for(before);
        if waits_for.is_empty() {
            removed += self.log.purge(before)?;
        }
        Ok(Forgotten {
            rewritten,
            removed,
            waits_for,
        })
    }

    /// The tails that have not yet passed all changes before this one.
    fn waits_for(&self, before: Seq) -> Vec<Name> {
        let cursors = self.core.cursors.read();
        // Whoever takes history over reads it from history, not from the log.
        let reads = |name: &Name| *name != *ARCHIVE_CURSOR;
        let late = cursors
            .iter()
            .filter(|(name, at)| reads(name) && at.next() < before);
        late.map(|(name, _)| name.clone()).collect()
    }

    /// Removes the checkpoints that do not hold every change up to this one.
    fn remove_checkpoints(&self, until: Seq) -> Result<u64, Error> {
        let folder = &self.folder;
        let dir = folder.checkpoints();
        let found = checkpoint::list(&*folder.files, &dir)?;
        if found.last().is_none_or(|(from, _)| *from < until) {
            return Err(Error::Closed);
        }
        let old = found.iter().filter(|(from, _)| *from < until);
        let old: Vec<PathBuf> = old.map(|(_, path)| path.clone()).collect();
        remove(folder, &dir, &old)
    }

    /// Removes what a repair set aside: nobody can take anything out of that.
    fn remove_set_aside(&self) -> Result<u64, Error> {
        let folder = &self.folder;
        let mut removed = 0;
        for dir in [folder.checkpoints(), folder.log(), folder.history()] {
            let names = folder.files.list(&dir).map_err(Error::io("list", &dir))?;
            let lost = names.iter().filter(|name| has_extension(name, "lost"));
            let lost: Vec<PathBuf> = lost.map(|name| dir.join(name)).collect();
            removed += remove(folder, &dir, &lost)?;
        }
        Ok(removed)
    }
}

fn remove(folder: &Folder, dir: &std::path::Path, paths: &[PathBuf]) -> Result<u64, Error> {
    for path in paths {
        let removed = folder.files.remove(path);
        removed.map_err(Error::io("remove", path))?;
    }
    folder.files.sync_dir(dir).map_err(Error::io("sync", dir))?;
    Ok(paths.len() as u64)
}

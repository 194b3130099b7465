//! Erasure: what a store said of somebody leaves its files, not only its answers.

use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use base::{Name, Tenant};

use crate::StoreError;

/// What an erasure did to the files of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Files of history that were written anew, without what was erased.
    pub rewritten: u64,
    /// Files that are no more: checkpoints, parts of the log, what a repair had set aside.
    pub removed: u64,
    /// Tails that still have to read changes from before: until they have, these stay in the log,
    /// and the erasure has to be said again.
    pub waits_for: Vec<Name>,
}

/// The side of a store that forgets for good.
#[async_trait]
pub trait Forget: Send + Sync + Debug {
    /// Takes out of every file what was said of these entities up to now. They are deleted, their
    /// history too, and whoever keeps archived history has heard so. May be said again.
    async fn forget(&self, subjects: &[(Tenant, Name)]) -> Result<Forgotten, StoreError>;

    /// Names of those files that still say something of these entities where bytes alone do not
    /// show it; and how many files were read.
    async fn remembers(
        &self,
        subjects: &[(Tenant, Name)],
    ) -> Result<(u64, Vec<String>), StoreError>;

    /// The folder of the store, if it has one.
    fn folder(&self) -> Option<PathBuf>;
}

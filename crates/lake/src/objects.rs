//! Where the files of the lake are: a folder, or an object store that speaks S3.
//!
//! A file is written once, whole, under a name that is never used again, and is durable when the
//! writing returns: in a folder it and the entries of its folders are synced.

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::LakeError;
use crate::history::scan::Source;

/// Where a lake is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// The memory of this process: for tests.
    Memory,
    /// A bucket, or a part of one.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all names begin with; without slashes at its ends.
        prefix: String,
        /// `https://host:port`; `None`: Amazon's of the region.
        endpoint: Option<String>,
        /// The region.
        region: String,
        /// Access key and secret.
        key: Option<(String, String)>,
    },
}

/// The files of a lake.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
    root: String,
    #[cfg(test)]
    pub(crate) faults: Arc<faults::Faults>,
}

fn failed(action: &str, path: &str) -> impl FnOnce(object_store::Error) -> LakeError {
    let action = format!("{action} {path}");
    move |source| LakeError::Objects { action, source }
}

fn refused(action: &str, path: &FilePath) -> impl FnOnce(io::Error) -> LakeError {
    let action = format!("{action} {}", path.display());
    move |source| LakeError::Files { action, source }
}

impl Objects {
    /// Opens a place; a folder is made if it is not there.
    pub fn open(place: &Place) -> Result<Self, LakeError> {
        match place {
            Place::Folder(dir) => {
                std::fs::create_dir_all(dir).map_err(refused("make", dir))?;
                let store = object_store::local::LocalFileSystem::new_with_prefix(dir)
                    .map_err(failed("open", &dir.display().to_string()))?;
                let dir = dir.canonicalize().map_err(refused("find", dir))?;
                Ok(Self {
                    store: Arc::new(store),
                    root: format!("{}", dir.display()),
                    folder: Some(dir),
                    #[cfg(test)]
                    faults: Arc::default(),
                })
            }
            Place::Memory => Ok(Self {
                store: Arc::new(object_store::memory::InMemory::new()),
                folder: None,
                root: String::new(),
                #[cfg(test)]
                faults: Arc::default(),
            }),
            Place::S3 {
                bucket,
                prefix,
                endpoint,
                region,
                key,
            } => {
                let mut builder = object_store::aws::AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(region);
                if let Some(endpoint) = endpoint {
                    let plain = endpoint.starts_with("http://");
                    builder = builder.with_endpoint(endpoint).with_allow_http(plain);
                }
                if let Some((id, secret)) = key {
                    builder = builder
                        .with_access_key_id(id)
                        .with_secret_access_key(secret);
                }
                let s3 = builder.build().map_err(failed("open", bucket))?;
                let store = object_store::prefix::PrefixStore::new(s3, Path::from(prefix.as_str()));
                Ok(Self {
                    store: Arc::new(store),
                    folder: None,
                    root: format!("s3://{bucket}/{prefix}"),
                    #[cfg(test)]
                    faults: Arc::default(),
                })
            }
        }
    }

    /// For readers of Parquet: names are within the lake.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// What stands before the names for others: a folder's path, or `s3://bucket/prefix`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The file as one of this machine, if the lake is a folder.
    pub fn local(&self, path: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(path))
    }

    /// Writes a file; it is durable when this returns.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        #[cfg(test)]
        self.faults.step()?;
        let Some(file) = self.local(path) else {
            let at = Path::from(path);
            let put = self.store.put(&at, bytes.into()).await;
            return put.map(drop).map_err(failed("write", path));
        };
        let folder = self.folder.clone().unwrap_or_default();
        let put = tokio::task::spawn_blocking(move || put_file(&folder, &file, &bytes));
        put.await
            .map_err(|ended| LakeError::GivenUp(ended.to_string()))?
    }

    /// Removes a file; one that is not there is gone already.
    pub async fn remove(&self, path: &str) -> Result<(), LakeError> {
        #[cfg(test)]
        self.faults.step()?;
        match self.store.delete(&Path::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("remove", path)(error)),
        }
    }

    /// A file to be read here and there.
    pub async fn source(&self, path: &str) -> Result<Source, LakeError> {
        match self.local(path) {
            Some(file) => {
                let opened = std::fs::File::open(&file).map_err(refused("open", &file))?;
                Ok(Source::File(opened))
            }
            None => Ok(Source::Bytes(self.read(path).await?)),
        }
    }

    /// The whole of a file.
    pub async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        let got = self.store.get(&Path::from(path)).await;
        let got = got.map_err(failed("read", path))?;
        got.bytes().await.map_err(failed("read", path))
    }

    /// The whole of a file, if it is there.
    pub async fn find(&self, path: &str) -> Result<Option<Bytes>, LakeError> {
        match self.store.get(&Path::from(path)).await {
            Ok(got) => got.bytes().await.map(Some).map_err(failed("read", path)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", path)(error)),
        }
    }

    /// Whether a file is there.
    pub async fn has(&self, path: &str) -> Result<bool, LakeError> {
        Ok(self.size(path).await?.is_some())
    }

    /// How many bytes a file has, if it is there.
    pub async fn size(&self, path: &str) -> Result<Option<u64>, LakeError> {
        match self.store.head(&Path::from(path)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("find", path)(error)),
        }
    }

    /// The names of all files.
    pub async fn list(&self) -> Result<Vec<String>, LakeError> {
        let listed = self
            .store
            .list(None)
            .map_ok(|meta| meta.location.to_string());
        listed
            .try_collect()
            .await
            .map_err(failed("list", &self.root))
    }
}

/// Writes a file under a temporary name, syncs it, gives it its name, and syncs the folders up to
/// the lake's.
fn put_file(lake: &FilePath, file: &FilePath, bytes: &[u8]) -> Result<(), LakeError> {
    let dir = file.parent().unwrap_or(lake);
    let was_there = dir.is_dir();
    std::fs::create_dir_all(dir).map_err(refused("make", dir))?;
    let unfinished = file.with_extension("new");
    let written = write_file(&unfinished, file, bytes).inspect_err(|_| {
        // On a full disk it would be in the way of what comes next.
        let _it_may_not_be_there = std::fs::remove_file(&unfinished);
    });
    written.map_err(refused("write", file))?;
    let mut at = Some(dir);
    while let Some(dir) = at {
        let synced = std::fs::File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(refused("sync", dir))?;
        at = if was_there || dir == lake {
            None
        } else {
            dir.parent()
        };
    }
    Ok(())
}

fn write_file(unfinished: &FilePath, file: &FilePath, bytes: &[u8]) -> io::Result<()> {
    std::fs::write(unfinished, bytes)?;
    std::fs::File::open(unfinished)?.sync_all()?;
    std::fs::rename(unfinished, file)
}

#[cfg(test)]
pub(crate) mod faults {
    //! What goes wrong with files in tests.

    use std::sync::atomic::{AtomicI64, Ordering};

    use super::LakeError;

    /// After so many writes and removals all fail; negative: none does.
    #[derive(Debug)]
    pub(crate) struct Faults(AtomicI64);

    impl Default for Faults {
        fn default() -> Self {
            Self(AtomicI64::new(-1))
        }
    }

    impl Faults {
        pub(crate) fn after(&self, steps: i64) {
            self.0.store(steps, Ordering::SeqCst);
        }

        pub(super) fn step(&self) -> Result<(), LakeError> {
            match self.0.load(Ordering::SeqCst) {
                0 => Err(LakeError::GivenUp("a fault of the test".to_owned())),
                left => {
                    self.0.store(left - 1, Ordering::SeqCst);
                    Ok(())
                }
            }
        }
    }
}

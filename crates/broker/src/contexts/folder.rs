//! A folder of contexts for installations without internet: `index.json` names the file of each
//! URL. It stands in the place of the network: what it lacks is not fetched from elsewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files of a folder, by URL.
#[derive(Debug, Clone)]
pub struct Folder {
    files: HashMap<String, PathBuf>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The index cannot be read.
    #[error("'{path}' cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The index is not what it should be.
    #[error("'{path}' must be a JSON object that names a file of the folder for each URL")]
    NoIndex {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Folder {
    /// Reads the index of a folder. The files are read when they are needed.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        let path = folder.join("index.json");
        let text = std::fs::read_to_string(&path).map_err(|source| FolderError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let index: HashMap<String, String> =
            serde_json::from_str(&text).map_err(|source| FolderError::NoIndex { path, source })?;
        let files = index
            .into_iter()
            .map(|(url, file)| (url, folder.join(file)))
            .collect();
        Ok(Self { files })
    }

    /// The file of a URL.
    pub(super) fn file(&self, url: &str) -> Option<&Path> {
        self.files.get(url).map(PathBuf::as_path)
    }
}

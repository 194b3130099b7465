//! What ends the making of tiles.

use base::Kind;
use ingest::ImportError;

/// Why there is no tile, or no basemap.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// There is no such tile.
    #[error(
        "there is no tile {z}/{x}/{y}; z is 0 to {}, x and y below 2^z",
        crate::tile::ZOOM_MAX
    )]
    NoSuchTile {
        /// Zoom.
        z: u32,
        /// Column from the west.
        x: u32,
        /// Row from the north.
        y: u32,
    },
    /// The extract cannot be read.
    #[error(transparent)]
    Source(#[from] ImportError),
    /// The extract holds nothing that a map shows.
    #[error("{0} holds nothing to draw: no road, building, water or land use")]
    Empty(String),
    /// The map would be larger than one build may make.
    #[error("the map needs more than {0}; build it from smaller extracts")]
    TooLarge(&'static str),
    /// The map could not be written.
    #[error("the map cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

impl TileError {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoSuchTile { .. } | Self::Empty(_) => Kind::Invalid,
            Self::Source(error) => error.kind(),
            Self::TooLarge(_) => Kind::Limit,
            Self::Write(_) => Kind::Unavailable,
        }
    }
}

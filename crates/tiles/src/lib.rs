//! Vector tiles: a basemap made from OpenStreetMap data, data layers made from entities; pure.
//!
//! [`basemap::build`] turns an extract into one PMTiles file that is served by ranges of bytes;
//! [`data::tile`] turns entities into one Mapbox Vector Tile, points gathered into clusters where
//! there are many. Both give the same bytes for the same input. [`Tile`] checks the numbers of a
//! tile and says which part of the Earth it shows.

pub mod basemap;
mod clip;
pub mod data;
mod error;
mod mvt;
mod pmtiles;
#[cfg(test)]
mod testing;
pub mod tile;

pub use error::TileError;
pub use tile::Tile;

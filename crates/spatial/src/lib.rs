//! Geometry: GeoJSON, the predicates of geo-queries, cells for an index.
//!
//! A [`Geometry`] is one of the six GeoJSON geometries in WGS84 longitude and latitude. A geo-query
//! is a [`Predicate`]: a [`Georel`] and a reference geometry, prepared once and then asked about
//! many subjects. [`cells`] numbers places so that an ordered set of integers is a place index.
//!
//! Topology (`within`, `intersects` …) is planar in degrees, as GeoJSON defines its lines; distances
//! are metres on the mean sphere. Everything here accepts any valid geometry, self-intersecting
//! rings included, and never panics.

mod binary;
pub mod cells;
mod distance;
mod envelope;
mod error;
mod geojson;
mod geometry;
mod georel;
mod relate;
mod shape;

pub use distance::distance;
pub use envelope::Envelope;
pub use error::GeometryError as Error;
pub use geometry::{Geometry, GeometryType, Position};
pub use georel::{Georel, Predicate};

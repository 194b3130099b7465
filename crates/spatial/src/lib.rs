//! Geometry: GeoJSON, the predicates of geo-queries, cells for an index.

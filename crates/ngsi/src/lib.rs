//! NGSI-LD entities: model, parsing, query language, patch semantics, rendering. Pure: no clock,
//! no store, no network [ETSI GS CIM 009 v1.9.1].

pub mod aggregate;
pub mod conform;
pub mod delta;
pub mod entity;
pub mod parse;
pub mod patch;
mod proof;
pub mod query;
pub mod render;
pub mod temporal;

pub use delta::Delta;
pub use entity::{Attribute, AttributeKey, AttributeKind, AttributeValue, Entity, NULL, Uris};
pub use query::Query;

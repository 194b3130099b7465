//! The @context of JSON-LD as NGSI-LD uses it: parse, expand, compact; no I/O.
//!
//! [`Context::resolve`] turns the value of an `@context` member into a shared, immutable [`Context`], or says which
//! remote documents must be loaded first. A [`Context`] then expands short names to IRIs and compacts IRIs back.
//! The NGSI-LD core @context is built in, is always in force, and prevails over every other definition
//! [CIM-009 §4.4].

mod builtin;
mod context;
mod define;
mod document;
mod error;
mod iri;
mod layer;
mod resolve;
mod term;

pub use builtin::{CORE_URL, builtin, is_core};
pub use context::Context;
pub use document::{ContextDocument, Part};
pub use error::{ContextError, ContextError as Error};
pub use iri::{is_iri, is_keyword};
pub use resolve::Resolution;
pub use term::{Coercion, Container, Meaning, Term};

/// Limits of one resolved @context, each with its reason.
pub mod limits {
    /// Terms of one resolved context: the union of all Smart Data Models has about 20,000.
    pub const TERMS_MAX: usize = 32_768;
    /// Remote documents that one context may include, repetitions counted: bounds what a request can make us load.
    pub const DOCUMENTS_MAX: usize = 32;
    /// Depth of documents including documents, and of arrays in arrays: bounds our recursion.
    pub const DEPTH_MAX: usize = 8;
    /// Entries of one `@context` array, nested arrays counted.
    pub const PARTS_MAX: usize = 256;
    /// Terms that may be defined by one another in a row: bounds our recursion.
    pub const CHAIN_MAX: usize = 64;
}

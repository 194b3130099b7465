//! The crate from outside: contexts as they are published and as they are abused.

#[path = "it/compact.rs"]
mod compact;
#[path = "it/define.rs"]
mod define;
#[path = "it/laws.rs"]
mod laws;
#[path = "it/resolve.rs"]
mod resolve;

use std::sync::Arc;

use jsonld::{Context, Error, Resolution};
use serde_json::Value;

/// Resolves a context that includes nothing remote but the core.
fn local(value: &Value) -> Result<Arc<Context>, Error> {
    match Context::resolve(value, &|_| None)? {
        Resolution::Ready(context) => Ok(context),
        Resolution::Needs(urls) => panic!("needs {urls:?}"),
    }
}

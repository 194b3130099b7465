//! The crate from outside: contexts as they are published and as they are abused.

#[cfg(test)]
mod it {
    mod compact;
    mod define;
    mod laws;
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
}

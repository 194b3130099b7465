//! Feeds as a node runs them: over the model store, with a clock that steps.

#[cfg(test)]
mod it {
    mod broker;
    mod formats;
    mod http;
    mod kit;
    mod laws;
    mod runtime;
    mod sources;
}

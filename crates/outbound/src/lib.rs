//! HTTP to the outside, guarded: no private addresses unless allowed, capped sizes, deadlines.
//!
//! Whoever may create a subscription or a registration names URLs that this node will call. The guard keeps them from
//! reaching what only this node can reach: names are resolved here, every address is checked, and the connection is
//! made to a checked address, so that a name cannot change its meaning in between. Redirects are replies like any
//! other, and no proxy is taken from the environment.

mod client;
mod guard;
mod reach;
mod settings;

pub use client::Client;
pub use reach::Reach;
pub use settings::{Allow, Settings, SettingsInvalid};

//! Live feeds: transport, codec and mapping become commands; nothing is acknowledged before it is
//! on disk.
//!
//! A [`Definition`] says where payloads come from and what entities they become. [`Feeds`] keeps
//! the definitions and runs them: every feed has a bounded queue and one worker, which gathers
//! what waits, writes it through the door of the broker as one batch, and only then acknowledges.
//! Start reading at [`Feeds`], then `worker`.

pub mod definition;
pub mod error;
pub mod feeds;
pub mod health;
pub mod http;

mod backoff;
mod decode;
mod kept;
mod queue;
mod secret;
mod sources;
mod trial;
mod worker;
mod write;

pub use decode::Form;
pub use definition::{Definition, Format, Kind, Source};
pub use error::FeedError;
pub use feeds::{Feeds, Parts};
pub use health::{Health, LastError, RefusalSeen, State};
pub use queue::{Receipt, Refused};
pub use trial::{Sample, Tried};

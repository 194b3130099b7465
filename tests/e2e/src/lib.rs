//! The built binary on a real port, as a stranger would use it.
//!
//! `cargo test -p e2e` runs the binary that `cargo build -p server` made for the same profile;
//! `CHORSU_BIN` names another. A [`Node`] is one process on a folder and a free port; a test ends
//! with [`Node::finish`], which wants an orderly end and a clean log.

pub mod command;
pub mod http;
pub mod node;
pub mod receiver;

pub use command::{Output, chorsu};
pub use http::{Answer, Http};
pub use node::{Node, Options};
pub use receiver::Receiver;

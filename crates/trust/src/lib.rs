//! Who may do what: principals, operations, tokens. Decisions only, no I/O.
//!
//! Start reading at [`Access::authorize`]: every right of a node is decided there.

pub mod access;
pub mod call;
pub mod token;

pub use access::{Access, Denied, Operation, Operations};
pub use call::{Call, Principal};
pub use token::{Secret, SecretInvalid, Token, TokenInvalid};

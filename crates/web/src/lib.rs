//! The kit that every HTTP face is written with: problems, extractors, paging, negotiation.
//!
//! A face builds an axum [`axum::Router`] of its routes and hands it to [`app()`], which adds what
//! every route has: who asks, a request id, metrics, the access log, and a problem for whatever
//! goes wrong. Handlers take [`Caller`], [`Query`], [`Accept`] and [`Body`] and return
//! `Result<_, Problem>`.

pub mod accept;
pub mod app;
pub mod body;
pub mod caller;
pub mod meters;
pub mod paging;
pub mod problem;
pub mod query;

pub use accept::{Accept, Media};
pub use app::{Kit, app};
pub use body::Body;
pub use caller::{Arrived, Caller, Guard, Within};
pub use paging::Page;
pub use problem::{NgsiError, Problem};
pub use query::Query;

//! The suites of others, run against the built binary.
//!
//! [`etsi`] drives ETSI's NGSI-LD test suite: each group gets a [`node::Node`] of its own with an
//! empty data folder. What fails is compared with [`known`], a list that may only shrink, and
//! shown by [`report`].

pub mod etsi;
pub mod known;
pub mod node;
pub mod report;
pub mod results;

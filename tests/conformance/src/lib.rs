//! The suites of others, run against the built binary.
//!
//! [`etsi`] drives ETSI's NGSI-LD test suite: each group gets a [`node::Node`] of its own with an
//! empty data folder. [`tutorials`] sends what FIWARE's tutorials print, and [`clients`] lets
//! libraries of others work with a node, [`flight`] a driver for Flight SQL; [`engines`] has engines of others read the lake. What fails is
//! compared with [`known`], a list that may only shrink, and shown by [`report`].

pub mod clients;
pub mod engines;
pub mod etsi;
pub mod flight;
pub mod http;
pub mod known;
pub mod node;
pub mod report;
pub mod results;
pub mod tutorials;

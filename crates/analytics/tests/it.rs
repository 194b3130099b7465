//! The engine over a city in memory: what is asked, by which door, and what comes.

#[cfg(test)]
use it::{doors, world};

#[cfg(test)]
mod it {
    pub(crate) mod doors;
    mod entities;
    mod flight;
    mod functions;
    mod history;
    mod http;
    mod limits;
    mod rights;
    pub(crate) mod world;
}

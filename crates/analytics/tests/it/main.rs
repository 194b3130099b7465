//! The engine over a city in memory: what is asked, and the table that comes.

#[cfg(test)]
mod doors;
#[cfg(test)]
mod entities;
#[cfg(test)]
mod flight;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod history;
#[cfg(test)]
mod http;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod world;

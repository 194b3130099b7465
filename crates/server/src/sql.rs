//! SQL, in a node that was built with it: the engine and its doors, HTTP and Arrow Flight SQL.

#[cfg(feature = "analytics")]
mod engine;
#[cfg(not(feature = "analytics"))]
mod missing;

#[cfg(feature = "analytics")]
pub(crate) use engine::Sql;
#[cfg(not(feature = "analytics"))]
pub(crate) use missing::Sql;

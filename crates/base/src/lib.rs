//! Words of every crate: time, names, sequence numbers, tenants, kinds of error, limits, tasks.

pub mod kind;
pub mod limits;
pub mod name;
pub mod seq;
pub mod tasks;
pub mod tenant;
pub mod time;

pub use kind::Kind;
pub use name::Name;
pub use seq::Seq;
pub use tasks::Tasks;
pub use tenant::Tenant;
pub use time::Time;

//! The current state of one tenant in memory: compact entities and the indexes over them.
//!
//! An entity is one box of bytes ([`codec`]), its names numbers of a [`Dictionary`]. A [`World`]
//! holds the entities of a tenant, finds them by id and in id order ([`order`]), and keeps ordered
//! sets of integers from which every selective query starts ([`index`]), with their keys by slot
//! beside them ([`mod@column`]). What an index yields is only a candidate: every answer has passed [`ngsi::Query::matches`] ([`find`]).
//!
//! Nothing here waits, locks or touches a disk. The engine shares a `World` behind a lock; the
//! budgets of [`World::find`] bound how long a reader holds it.

mod bytes;
mod codec;
mod column;
mod dictionary;
mod edit;
mod find;
mod index;
mod load;
mod order;
mod plan;
mod set;
mod world;

pub use codec::{Damaged, decode, encode};
pub use dictionary::Dictionary;
pub use edit::Edit;
pub use find::{Counted, Found};
pub use load::Stored;
pub use world::World;

//! The seams to the outside: the store, the clock, chance, HTTP going out. Each has a real
//! implementation and one for tests; nothing else of the node touches the world.

pub mod archive;
pub mod clock;
pub mod entropy;
pub mod forget;
pub mod outbound;
pub mod store;

pub use archive::{
    ARCHIVE_CURSOR, Archive, Cut, Parcel, Past, PastAsk, PastReader, PastRow, PastSeries,
    PastValue, Reach,
};
pub use clock::Clock;
pub use entropy::Entropy;
pub use forget::{Forget, Forgotten};
pub use outbound::{Chunks, Outbound, OutboundError, Reply, Request, Streamed};
pub use store::{
    Act, Around, Batch, Census, Change, Committed, Doc, EntityChange, Expect, Fact, Store,
    StoreError, TypeCensus, Versioned,
};

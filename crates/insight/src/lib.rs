//! Numbers about numbers: what is usual at an hour of a kind of day, how far a value is from that,
//! and how a long series is drawn in few pixels without losing its peaks and gaps. Pure: no clock,
//! no store.

pub mod alarm;
pub mod downsample;
pub mod robust;
pub mod slot;
pub mod usual;

pub use alarm::{Alarm, Level, Side};
pub use downsample::{downsample, gap_of};
pub use robust::{median, quantile};
pub use slot::Slot;
pub use usual::{Band, Basis, Fence, Sample, Usual, UsualTable};

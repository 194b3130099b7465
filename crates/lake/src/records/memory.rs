//! How much memory batches under way may take, all together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::decode::Format;
use super::error::RecordError;
use super::limits::{BATCH_BYTES_MAX, MEMORY_BYTES, MEMORY_BYTES_MIN, MEMORY_BYTES_OF_A_BATCH};

/// Bytes of a place: the semaphore counts to 2^32 only.
const PLACE: u64 = 1024;

/// The memory of batches under way.
#[derive(Debug)]
pub(super) struct Memory(Arc<Semaphore>);

impl Default for Memory {
    fn default() -> Self {
        let places = usize::try_from(MEMORY_BYTES / PLACE).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(places)))
    }
}

impl Memory {
    /// Room for a batch of that length, if it is known, until what is returned is dropped.
    pub(super) fn take(
        &self,
        format: Format,
        length: Option<u64>,
    ) -> Result<OwnedSemaphorePermit, RecordError> {
        let bytes = needed(format, length.unwrap_or(BATCH_BYTES_MAX));
        let places = u32::try_from(bytes / PLACE).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.0).try_acquire_many_owned(places);
        taken.map_err(|_full| {
            RecordError::Busy("too many batches are coming in: try again in a second".to_owned())
        })
    }
}

/// What a batch takes in memory: several times its length, as numbers of few digits become eight bytes, and
/// at most what a file takes that is being made.
fn needed(format: Format, length: u64) -> u64 {
    let (times, held) = match format {
        Format::Csv | Format::Ndjson => (6, 0),
        Format::Arrow => (4, 0),
        // It is compressed, and held as a whole.
        Format::Parquet => (20, length),
    };
    let decoded = length
        .saturating_mul(times)
        .clamp(MEMORY_BYTES_MIN, MEMORY_BYTES_OF_A_BATCH);
    decoded + held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_beyond_the_memory_is_told_to_come_again() {
        let memory = Memory::default();
        let mut taken = Vec::new();
        let refused = loop {
            match memory.take(Format::Csv, None) {
                Ok(room) => taken.push(room),
                Err(refused) => break refused,
            }
        };
        assert_eq!(taken.len() as u64, MEMORY_BYTES / MEMORY_BYTES_OF_A_BATCH);
        assert_eq!(refused.kind(), base::Kind::Unavailable);
        taken.pop();
        let room = memory.take(Format::Csv, Some(10));
        assert!(room.is_ok(), "there is room again");
    }

    #[test]
    fn the_longest_batch_of_each_format_has_room() {
        for format in [Format::Csv, Format::Ndjson, Format::Arrow, Format::Parquet] {
            let memory = Memory::default();
            let room = memory.take(format, Some(BATCH_BYTES_MAX));
            assert!(room.is_ok(), "{format:?}");
        }
    }
}

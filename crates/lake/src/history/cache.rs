//! What readers keep of files: their footers, so that a file that was read before is entered at the
//! right page at once. Files never change, so nothing here becomes wrong; what was not used for long
//! makes room.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

/// Which rows a row group may have.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// The first entity or what is before it.
    pub(super) first: Vec<u8>,
    /// The last entity or what is after it.
    pub(super) last: Vec<u8>,
    /// The first and the last attribute, likewise.
    pub(super) attributes: (Vec<u8>, Vec<u8>),
    /// Whether all rows are of default datasets.
    pub(super) is_default: bool,
    /// The first and the last moment.
    pub(super) moments: (i64, i64),
}

/// What is kept of a file.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// Which rows its row groups have.
    File(Arc<[Bounds]>),
    /// All that is needed to read one of its row groups.
    Group(ArrowReaderMetadata),
}

/// Of which file, and of which of its row groups.
pub(super) type Key = (Arc<str>, Option<usize>);

/// What is kept, no more than so many bytes of it.
#[derive(Debug)]
pub(super) struct Footers {
    held: Mutex<Held>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Held {
    kept: HashMap<Key, Item>,
    /// By when they were last used.
    order: BTreeMap<u64, Key>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Item {
    kept: Kept,
    bytes: usize,
    used: u64,
}

impl Kept {
    fn bytes(&self) -> usize {
        /// What the entry itself takes, its name included.
        const ITEM: usize = 400;
        ITEM + match self {
            Self::File(bounds) => {
                let texts = |b: &Bounds| {
                    b.first.len() + b.last.len() + b.attributes.0.len() + b.attributes.1.len()
                };
                let each = bounds.iter().map(|b| size_of::<Bounds>() + texts(b));
                each.sum()
            }
            Self::Group(metadata) => metadata.metadata().memory_size(),
        }
    }
}

impl Footers {
    /// Room for so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            held: Mutex::default(),
            bytes_max,
        }
    }

    /// What is kept of it.
    pub(super) fn get(&self, key: &Key) -> Option<Kept> {
        let mut held = self.held.lock();
        let held = &mut *held;
        let item = held.kept.get_mut(key)?;
        held.uses += 1;
        if let Some(known) = held.order.remove(&item.used) {
            held.order.insert(held.uses, known);
        }
        item.used = held.uses;
        Some(item.kept.clone())
    }

    /// Keeps it; what was not used for longest goes.
    pub(super) fn put(&self, key: Key, kept: Kept) {
        let bytes = kept.bytes();
        let mut held = self.held.lock();
        let held = &mut *held;
        if bytes > self.bytes_max || held.kept.contains_key(&key) {
            return;
        }
        held.uses += 1;
        let used = held.uses;
        held.bytes += bytes;
        held.order.insert(used, key.clone());
        held.kept.insert(key, Item { kept, bytes, used });
        while held.bytes > self.bytes_max {
            let Some((_, oldest)) = held.order.pop_first() else {
                return;
            };
            let gone = held.kept.remove(&oldest);
            held.bytes -= gone.map_or(0, |item| item.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(len: usize) -> Kept {
        let bounds = Bounds {
            first: vec![0; len],
            last: Vec::new(),
            attributes: (Vec::new(), Vec::new()),
            is_default: true,
            moments: (0, 0),
        };
        Kept::File(Arc::new([bounds]))
    }

    fn key(name: &str) -> Key {
        (name.into(), None)
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let room = kept(1_000).bytes() * 2;
        let footers = Footers::new(room);
        footers.put(key("a"), kept(1_000));
        footers.put(key("b"), kept(1_000));
        assert!(footers.get(&key("a")).is_some());
        footers.put(key("c"), kept(1_000));
        let there = ["a", "b", "c"].map(|name| footers.get(&key(name)).is_some());
        assert_eq!(there, [true, false, true]);
        assert!(footers.held.lock().bytes <= room);
        assert_eq!(footers.held.lock().order.len(), 2);
    }

    #[test]
    fn what_is_larger_than_all_the_room_is_not_kept() {
        let footers = Footers::new(100);
        footers.put(key("a"), kept(1_000));
        assert!(footers.get(&key("a")).is_none());
    }
}

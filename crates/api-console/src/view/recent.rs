//! The last changes of places: what those who watch have not seen yet.

use std::collections::VecDeque;

use base::Name;

use super::place::Where;

/// Changes that are kept. Whoever is further behind reads the log, or begins anew.
const KEPT: usize = 65_536;

/// The last changes, by number.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    entries: VecDeque<Entry>,
    /// All changes of places after this one are here.
    floor: u64,
}

/// One change of a place.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its number.
    pub(crate) seq: u64,
    /// What it was.
    pub(crate) change: Seen,
}

/// What happened to a place.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It came or changed.
    Slot {
        /// Where it is in the view.
        slot: u32,
        /// Where it was before in the world, if that was elsewhere.
        from: Option<(f32, f32)>,
    },
    /// It went.
    Gone(Box<(Name, u16)>),
}

impl Recent {
    /// Begins: all that was up to `seq` is in the view.
    pub(crate) fn begin(&mut self, seq: u64) {
        self.entries.clear();
        self.floor = seq;
    }

    /// All changes of places after this one are here.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// The changes after `seq`, in order.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let from = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.range(from..)
    }

    pub(super) fn push(&mut self, seq: u64, slot: u32, at: &Where, before: Option<&Where>) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only whether it was in somebody's sight is asked of it"
        )]
        let from = before.filter(|before| *before != at).map(|before| {
            let (lon, lat) = before.middle();
            (lon as f32, lat as f32)
        });
        let change = Seen::Slot { slot, from };
        self.keep(Entry { seq, change });
    }

    pub(super) fn push_gone(&mut self, seq: u64, kind: u16, id: Name) {
        let change = Seen::Gone(Box::new((id, kind)));
        self.keep(Entry { seq, change });
    }

    fn keep(&mut self, entry: Entry) {
        // What was there before the log was followed is no news.
        if entry.seq <= self.floor {
            return;
        }
        if self.entries.len() >= KEPT
            && let Some(oldest) = self.entries.pop_front()
        {
            self.floor = oldest.seq;
        }
        self.entries.push_back(entry);
    }
}

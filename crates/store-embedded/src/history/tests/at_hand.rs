//! The history under test gives itself away, in parcels with all their rows at hand.

use std::sync::Arc;

use ports::{Change, Cut, Fact, Parcel, PastRow, PastSeries, StoreError};

use super::super::hollow::Taken;
use super::super::{History, Parts, Sighting};
use super::World;
use crate::Error;
use base::Seq;

/// A parcel with all its rows at hand, without the types of its entities.
#[derive(Debug)]
struct AtHand {
    range: (Seq, Seq),
    cuts: Vec<Cut>,
    parts: std::vec::IntoIter<(PastSeries, Vec<PastRow>)>,
}

impl Parcel for AtHand {
    fn range(&self) -> (Seq, Seq) {
        self.range
    }
    fn rows(&self) -> u64 {
        0
    }
    fn cuts(&self) -> Vec<Cut> {
        self.cuts.clone()
    }
    fn next(&mut self, rows: &mut Vec<PastRow>) -> Result<Option<PastSeries>, StoreError> {
        Ok(self.parts.next().map(|(series, part)| {
            rows.extend(part);
            series
        }))
    }
}

fn parcel(history: &History, taken: Taken) -> Result<Box<dyn Parcel>, Error> {
    let mut parts = Parts::new(taken);
    let mut all = Vec::new();
    let mut rows = Vec::new();
    while let Some(part) = parts.next(history, &mut rows)? {
        let series = PastSeries {
            tenant: part.tenant,
            entity: part.entity,
            types: Vec::new(),
            name: part.name,
            dataset_id: part.dataset_id,
        };
        all.push((series, std::mem::take(&mut rows)));
    }
    Ok(Box::new(AtHand {
        range: parts.range(),
        cuts: parts.cuts(history),
        parts: all.into_iter(),
    }))
}

impl World {
    /// What a commit finds out before it writes the log.
    pub(super) fn seen(&self, change: &Change) -> Result<Option<Sighting>, Error> {
        match &change.fact {
            Fact::History { id, edit } if self.history.may_be_elsewhere(edit) => {
                self.history.sight(&change.tenant, id, edit)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn attach(&self) {
        let archive = Arc::new(self.archive.clone());
        self.history.keep_in(archive, self.archive.until());
    }

    /// Gives all that is new away, in parcels of about so many rows.
    pub(super) fn give(&mut self, rows: u64, go: bool) -> Result<(), Error> {
        self.attach();
        while let Some(taken) = self.history.take(self.archive.until(), rows)? {
            self.archive.put(parcel(&self.history, taken)?)?;
        }
        if go {
            self.history.let_go(self.archive.until())?;
        }
        Ok(())
    }
}

//! The store gives its history away: [`ports::Past`].

use std::sync::Arc;

use base::{Name, Seq, Tenant};
use ports::{ARCHIVE_CURSOR, Archive, Cut, Forget, Parcel, Past, PastRow, PastSeries, StoreError};

use super::{EmbeddedStore, Shared};
use crate::error::Error;
use crate::history::Parts;

impl Past for EmbeddedStore {
    fn keep_in(&self, archive: Arc<dyn Archive>) {
        let core = &self.shared.core;
        let handed = core.cursors.read().get(ARCHIVE_CURSOR).copied();
        core.history.keep_in(archive, handed.unwrap_or_default());
    }

    fn parcel(&self, after: Seq, rows_max: u64) -> Result<Option<Box<dyn Parcel>>, StoreError> {
        let history = &self.shared.core.history;
        let taken = history.take(after, rows_max)?;
        Ok(taken.map(|taken| -> Box<dyn Parcel> {
            Box::new(EmbeddedParcel {
                shared: Arc::clone(&self.shared),
                rows: taken.rows,
                parts: Parts::new(taken),
                types: None,
            })
        }))
    }

    fn pending_bytes(&self, after: Seq) -> u64 {
        self.shared.core.history.pending_bytes(after)
    }

    fn let_go(&self, until: Seq) -> Result<(), StoreError> {
        let _one = self.shared.maintenance.lock();
        Ok(self.shared.core.history.let_go(until)?)
    }

    fn forgets(&self) -> Option<&dyn Forget> {
        Some(self)
    }
}

/// A parcel of this store.
#[derive(Debug)]
struct EmbeddedParcel {
    shared: Arc<Shared>,
    rows: u64,
    parts: Parts,
    /// The entity met last and its types.
    types: Option<(Tenant, Name, Vec<Name>)>,
}

impl EmbeddedParcel {
    fn types(&mut self, tenant: &Tenant, entity: &Name) -> Result<Vec<Name>, Error> {
        if let Some((of, id, types)) = &self.types
            && (of, id) == (tenant, entity)
        {
            return Ok(types.clone());
        }
        let core = &self.shared.core;
        let room = core.rooms.get(tenant);
        let live = room.and_then(|room| room.world.read().get(entity).transpose());
        let live = live.transpose();
        let types = match live.map_err(|_damaged| Error::Damaged(entity.clone()))? {
            Some(live) => live.entity.types.clone(),
            None => core.history.noted_types(tenant, entity),
        };
        self.types = Some((tenant.clone(), entity.clone(), types.clone()));
        Ok(types)
    }
}

impl Parcel for EmbeddedParcel {
    fn range(&self) -> (Seq, Seq) {
        self.parts.range()
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn cuts(&self) -> Vec<Cut> {
        self.parts.cuts(&self.shared.core.history)
    }

    fn next(&mut self, rows: &mut Vec<PastRow>) -> Result<Option<PastSeries>, StoreError> {
        let part = self.parts.next(&self.shared.core.history, rows)?;
        let Some(part) = part else { return Ok(None) };
        Ok(Some(PastSeries {
            types: self.types(&part.tenant, &part.entity)?,
            tenant: part.tenant,
            entity: part.entity,
            name: part.name,
            dataset_id: part.dataset_id,
        }))
    }
}

//! How often each context was used since the node started, and when last [CIM-009 §5.13.3.5].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base::{Name, Tenant, Time};
use parking_lot::Mutex;

use super::{ContextRecord, Contexts};

/// Contexts of which it is counted how often they are used: as many as one tenant may keep.
/// Limit: of further ones, of other tenants, nothing is counted.
const COUNTED_MAX: usize = super::CONTEXTS_MAX;

/// The uses of one document.
#[derive(Debug, Default)]
pub(super) struct Usage {
    hits: AtomicU64,
    /// Microseconds; 0: never.
    last: AtomicI64,
}

impl Usage {
    pub(super) fn count(&self, now: Time) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.last.store(now.as_micros(), Ordering::Relaxed);
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) -> Option<Time> {
        let last = self.last.load(Ordering::Relaxed);
        (last != 0).then_some(Time(last))
    }
}

/// The uses of all documents, by the tenant that keeps them and their id.
#[derive(Debug, Default)]
pub(super) struct Usages(Mutex<HashMap<(Tenant, Name), Arc<Usage>>>);

impl Usages {
    /// The count of a document, which begins with its first use.
    pub(super) fn of(&self, document: &(Tenant, Name)) -> Arc<Usage> {
        let mut counts = self.0.lock();
        if let Some(usage) = counts.get(document) {
            return Arc::clone(usage);
        }
        let usage = Arc::new(Usage::default());
        if counts.len() < COUNTED_MAX {
            counts.insert(document.clone(), Arc::clone(&usage));
        }
        usage
    }

    /// The count of a document that has been used.
    pub(super) fn known(&self, document: &(Tenant, Name)) -> Option<Arc<Usage>> {
        self.0.lock().get(document).cloned()
    }

    /// A document is gone; another of its name begins at nothing.
    pub(super) fn forget(&self, document: &(Tenant, Name)) {
        self.0.lock().remove(document);
    }
}

impl Contexts {
    /// The record with how often it was used.
    pub(super) fn with_usage(&self, world: &Tenant, mut record: ContextRecord) -> ContextRecord {
        let document = (world.clone(), record.id.clone());
        if let Some(usage) = self.usages.known(&document) {
            (record.hits, record.last_usage) = (usage.hits(), usage.last());
        }
        record
    }
}

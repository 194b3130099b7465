//! What became of subscriptions since it was last asked.

use std::sync::Arc;

use base::Tenant;

use crate::keeper::{Keeper, Update};
use crate::model::Subscription;

/// Follows the keeper.
#[derive(Debug)]
pub(crate) struct Follower {
    keeper: Arc<Keeper>,
    /// What is known; `None`: nothing yet.
    version: Option<u64>,
}

/// What became of subscriptions.
#[derive(Debug)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// These changed, in order.
    Updates(Vec<Update>),
    /// These are all that there are now.
    Everything(Vec<(Tenant, Arc<Subscription>)>),
}

impl Follower {
    /// Knows nothing yet.
    pub(crate) fn new(keeper: Arc<Keeper>) -> Self {
        Self {
            keeper,
            version: None,
        }
    }

    /// What is new.
    pub(crate) fn news(&mut self) -> News {
        if let Some((version, updates)) = self.version.and_then(|known| self.keeper.since(known)) {
            self.version = Some(version);
            if updates.is_empty() {
                return News::None;
            }
            return News::Updates(updates);
        }
        let (version, all) = self.keeper.everything();
        self.version = Some(version);
        News::Everything(all)
    }
}

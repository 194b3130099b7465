//! One entity of a map, and who holds it.

use std::sync::{Arc, LazyLock};

use base::Name;

use super::HERE;

/// The sources of most entities: this node alone. Shared, since there are many of them.
static HERE_ALONE: LazyLock<Arc<[Name]>> = LazyLock::new(|| Arc::from([Name::from(HERE)]));

/// One entity of a map.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The entity.
    pub id: Name,
    /// The registrations by which it is found; [`HERE`]: this node.
    pub sources: Arc<[Name]>,
    /// Whether it fell out: it does not match any more.
    pub(super) is_out: bool,
}

impl Entry {
    /// An entity that is held by these.
    pub fn new(id: Name, sources: Vec<Name>) -> Self {
        Self {
            id,
            sources: Arc::from(sources),
            is_out: false,
        }
    }

    /// An entity that this node alone holds.
    pub fn here(id: Name) -> Self {
        Self {
            id,
            sources: Arc::clone(&HERE_ALONE),
            is_out: false,
        }
    }

    pub(super) fn is_here_alone(&self) -> bool {
        matches!(&*self.sources, [one] if **one == *HERE)
    }
}

//! The tail that takes history over from the store.

use std::sync::Arc;

use crate::Lake;

/// Begins to take history over, if the store gives it away.
pub(crate) fn start(lake: &Arc<Lake>) {
    let Some(_past) = lake.parts.past.clone() else {
        return;
    };
}

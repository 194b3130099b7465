//! Entity maps of temporal queries [CIM-009 §5.5.14, §5.7.4.4, §5.14.5].
//! Limit: they pin what this node holds.

use base::Name;
use federation::maps::ENTITIES_MAX;
use trust::Call;

use super::find::Finder;
use crate::entity_maps::{Mark, Pinning};
use crate::error::Failure;
use crate::state::Api;

/// Pins what a query is about: to what a live map lists, or in a new map.
pub(super) async fn pin(
    api: &Api,
    call: &Call,
    finder: &mut Finder<'_>,
    pinning: &Pinning,
) -> Result<Mark, Failure> {
    let Some(map) = pinning.live(api, call) else {
        // One more, so that too many are refused.
        let ids = finder.matches(api, call, ENTITIES_MAX + 1).await?;
        return pinning.pin_here(api, call, ids);
    };
    let asked = std::mem::take(&mut finder.selection.ids);
    let pinned = map.entries(0, map.places()).into_iter();
    let pinned = pinned.map(|(_, entry)| entry.id);
    finder.selection.ids = pinned
        .filter(|id| asked.is_empty() || asked.contains(id))
        .collect();
    if finder.selection.ids.is_empty() {
        // No ids at all would mean any: this is the name of nothing.
        finder.selection.ids.push(Name::from(ngsi::NULL));
    }
    Ok(Mark::of(map))
}

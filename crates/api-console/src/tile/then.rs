//! What the places of a tile were like at a moment of the past.

use base::{Kind, Name, Time};
use broker::BrokerError;
use hashbrown::HashMap;
use ngsi::AttributeValue;
use ngsi::temporal::{Bound, Series, Span};
use spatial::Envelope;
use trust::Call;

use super::find;
use crate::error::{Failure, fail};
use crate::state::ApiConsole;
use crate::view::place::{LOCATION, Place, number};

/// Histories that are read for one tile: some ten milliseconds for a thousand.
const HISTORIES_MAX: usize = 2_000;

/// The past of places, as far as it was read.
#[derive(Debug)]
pub(super) struct Then {
    /// Whether the places move, so that one without a place then is not shown.
    moves: bool,
    places: HashMap<Name, Was>,
}

/// What one place was.
#[derive(Debug, Default)]
struct Was {
    value: Option<f64>,
    at: Option<(f64, f64)>,
    is_stale: bool,
}

/// Value, place and age of a place as it is drawn.
type Drawn = (Option<f64>, (f64, f64), bool);

impl Then {
    /// What a place was; `None`: it was nowhere that is known.
    pub(super) fn of(&self, place: &Place) -> Option<Drawn> {
        let was = self.places.get(&place.id);
        let at = was.and_then(|was| was.at);
        if self.moves && at.is_none() {
            return None;
        }
        let at = at.unwrap_or_else(|| place.at.middle());
        Some(match was {
            Some(was) => (was.value, at, was.is_stale),
            None => (None, at, false),
        })
    }
}

/// Reads what the places of a layer in a box were at `time`.
/// Limit: what has been deleted since is not shown, and of more than 2,000 places that stand still
/// only where they are.
pub(super) async fn read(
    api: &ApiConsole,
    call: &Call,
    (layer, time): (&str, Time),
    area: &Envelope,
) -> Result<Then, Failure> {
    let (ids, attribute, moves) = wanted(api, layer, area)?;
    let mut then = Then {
        moves,
        places: HashMap::new(),
    };
    if ids.len() > HISTORIES_MAX {
        if moves {
            return Err(fail(
                Kind::Limit,
                format_args!(
                    "the past of {} moving things is asked for: it is shown of {HISTORIES_MAX}",
                    ids.len()
                ),
            ));
        }
        return Ok(then);
    }
    let mut attributes = vec![Name::from(LOCATION)];
    attributes.extend(attribute);
    let span = Span {
        attributes: Some(attributes),
        until: Some(Bound {
            time,
            inclusive: true,
        }),
        last: true,
        ..Span::all(1)
    };
    for id in ids {
        if call.is_late(api.broker.now()) {
            return Err(BrokerError::Late.into());
        }
        match api.broker.evolution(call, &id, &span).await {
            Ok(evolution) => {
                let was = was(api, layer, &evolution.series, time);
                then.places.insert(id, was);
            }
            Err(BrokerError::EntityUnknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(then)
}

/// The entities whose past is needed, the attribute that matters, and whether they move.
type Wanted = (Vec<Name>, Option<Name>, bool);

fn wanted(api: &ApiConsole, layer: &str, area: &Envelope) -> Result<Wanted, Failure> {
    let view = api.view.read();
    let layer = find(&view, layer)?;
    let slots = if layer.moves {
        view.within(layer, &Envelope::WORLD)
    } else {
        view.within(layer, area)
    };
    let ids = slots
        .into_iter()
        .filter_map(|slot| Some(view.place(slot)?.id.clone()))
        .collect();
    let attribute = view.attribute(layer.attribute());
    Ok((ids, attribute.map(|a| a.iri.clone()), layer.moves))
}

fn was(api: &ApiConsole, layer: &str, series: &[Series], time: Time) -> Was {
    let mut was = Was::default();
    let mut seen = None;
    for series in series.iter().filter(|series| series.dataset_id.is_none()) {
        let Some(instance) = series.instances.last() else {
            continue;
        };
        seen = seen.max(instance.attribute.observed_at);
        match &instance.attribute.value {
            AttributeValue::Geo(geometry) => {
                let middle = geometry.centroid();
                was.at = Some((middle.lon, middle.lat));
            }
            value => was.value = number(value),
        }
    }
    let view = api.view.read();
    if let (Ok(layer), Some(seen)) = (find(&view, layer), seen) {
        was.is_stale = layer.is_old(seen, time);
    }
    was
}

//! What devices would have said before the first reading: history at a coarse step.

use base::Time;
use ingest::vocabulary::{CORE_CONTEXT, Model as Words};
use serde_json::{Map, Value, json};

use crate::devices::{KINDS, Kind};
use crate::model::Model;
use crate::moment::Moment;
use crate::values::{self, Now};

/// Moments of a history: a year at half an hour.
const MOMENTS_MAX: i64 = 17_568;
/// Values of one temporal entity: a node takes 2,000.
const VALUES_MAX: usize = 1_800;

/// Temporal entities of the devices that stand still, each in as many parts as it needs; the most
/// telling kinds come first.
pub(crate) fn all(
    model: &Model,
    from: Time,
    to: Time,
    step_seconds: u32,
) -> impl Iterator<Item = Value> + '_ {
    let step = i64::from(step_seconds.max(1));
    let first = from.as_micros().div_euclid(1_000_000);
    let last = to.as_micros().div_euclid(1_000_000);
    let moments: Vec<Now> = (0..MOMENTS_MAX)
        .map(|number| first + number * step)
        .take_while(|utc| *utc < last)
        .map(|utc| Now::new(model, Moment::at(utc)))
        .collect();
    let devices = KINDS.into_iter().filter(|kind| !kind.moves());
    let devices = devices
        .flat_map(|kind| (0..model.devices.of(kind).len()).map(move |device| (kind, device)));
    devices.flat_map(move |(kind, device)| {
        let each = VALUES_MAX / kind.attributes().len();
        let parts = moments.chunks(each);
        let parts = parts.map(|part| history(model, kind, device, part));
        parts.collect::<Vec<_>>()
    })
}

fn history(model: &Model, kind: Kind, device: usize, moments: &[Now]) -> Value {
    let (name, words) = kind.kind();
    let full = words.map_or_else(|| name.to_owned(), |words| Words(words).name(name));
    let mut entity = Map::new();
    entity.insert("id".to_owned(), Value::from(kind.urn(device)));
    entity.insert("type".to_owned(), Value::from(full));
    let mut series = vec![Vec::with_capacity(moments.len()); kind.attributes().len()];
    for now in moments {
        let said = values::values(model, kind, device, now, false).unwrap_or_default();
        let at = now.moment.time().to_string();
        for (slot, attribute) in series.iter_mut().zip(kind.attributes()) {
            let Some((_, value)) = said.iter().find(|(name, _)| *name == attribute.name) else {
                continue;
            };
            slot.push(match attribute.unit {
                Some(unit) => json!({"type": "Property", "value": value.json(), "unitCode": unit, "observedAt": at}),
                None => json!({"type": "Property", "value": value.json(), "observedAt": at}),
            });
        }
    }
    for (slot, attribute) in series.into_iter().zip(kind.attributes()) {
        if !slot.is_empty() {
            entity.insert(kind.full_name(attribute), Value::Array(slot));
        }
    }
    entity.insert("@context".to_owned(), Value::from(CORE_CONTEXT));
    Value::Object(entity)
}

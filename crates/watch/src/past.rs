//! Reading history: samples of series, bounded.

use std::collections::HashMap;

use base::{Name, Tenant, Time};
use insight::Sample;
use insight::usual::LOOKBACK_MICROS;
use ngsi::temporal::{Bound, Series, Span, TimeProperty};
use ngsi::{Attribute, AttributeValue};
use ports::{Store, StoreError};
use serde_json::Value;

/// Instances that are read at once, of all attributes together: bounds the memory it takes.
const PAGE: usize = 8_000;
/// Instances of one series that are read at most, the last ones.
/// Limit: what is usual of a device that speaks more often than once a minute is learned from less
/// than four weeks.
pub(crate) const SAMPLES_MAX: usize = 40_320;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Samples by attribute, the last page first, each page ascending.
    pub(crate) samples: HashMap<Name, Vec<Sample>>,
    /// How many instances were read.
    pub(crate) instances: usize,
}

/// The numbers that attributes of an entity were in the four weeks before `until` (included).
pub(crate) async fn four_weeks(
    store: &dyn Store,
    id: &str,
    attributes: &[Name],
    until: Time,
) -> Result<Read, StoreError> {
    let from = until.plus_micros(-LOOKBACK_MICROS);
    read(store, id, attributes, (from, until), SAMPLES_MAX).await
}

/// The last `max` numbers that attributes of an entity were within a span, both ends included.
pub(crate) async fn read(
    store: &dyn Store,
    id: &str,
    attributes: &[Name],
    (from, until): (Time, Time),
    max: usize,
) -> Result<Read, StoreError> {
    let mut read = Read::default();
    let mut open: Vec<(Vec<Name>, Bound)> = vec![(
        attributes.to_vec(),
        Bound {
            time: until,
            inclusive: true,
        },
    )];
    while let Some((names, bound)) = open.pop() {
        if names.is_empty() {
            continue;
        }
        let span = Span {
            property: TimeProperty::ObservedAt,
            from: Some(Bound {
                time: from,
                inclusive: true,
            }),
            until: Some(bound),
            limit: (PAGE / names.len()).clamp(1, max),
            last: true,
            attributes: Some(names),
        };
        let Some(evolution) = store.history(&Tenant::default_tenant(), id, &span).await? else {
            return Ok(read);
        };
        for series in evolution.series {
            if series.dataset_id.is_some() {
                continue;
            }
            read.instances += series.instances.len();
            let known = read.samples.entry(series.name.clone()).or_default();
            known.extend(series.instances.iter().filter_map(|i| sample(&i.attribute)));
            let first = series
                .instances
                .first()
                .and_then(|i| i.attribute.observed_at);
            if let Some(time) = first.filter(|_| is_more(&series, known.len(), max)) {
                let bound = Bound {
                    time,
                    inclusive: false,
                };
                open.push((vec![series.name], bound));
            }
        }
    }
    Ok(read)
}

fn is_more(series: &Series, known: usize, max: usize) -> bool {
    series.is_cut && known < max
}

/// The number that an instance is, if it was observed.
pub(crate) fn sample(attribute: &Attribute) -> Option<Sample> {
    let AttributeValue::Property(Value::Number(number)) = &attribute.value else {
        return None;
    };
    Some(Sample {
        at: attribute.observed_at?,
        value: number.as_f64()?,
    })
}

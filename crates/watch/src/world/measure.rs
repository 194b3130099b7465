//! Measuring: what all inputs of the measures come to.

use base::{Name, Time};

use super::{Device, World};
use crate::measures::{COUNT, How, MEASURES, MOVING_MIN, Part};

/// What one measure comes to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Measured {
    /// Its value; `None`: nothing speaks of it.
    pub(crate) value: Option<f64>,
    /// How many things it was made from.
    pub(crate) entities: usize,
    /// When the newest of them was observed.
    pub(crate) at: Option<Time>,
    /// Whether none of them is fresh.
    pub(crate) stale: bool,
    /// Whether any of them is simulated.
    pub(crate) simulated: bool,
    /// Whether the city has any such thing.
    pub(crate) there: bool,
}

/// What has been added up for one measure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    sum: f64,
    total: f64,
    count: usize,
    yes: usize,
    at: Option<i64>,
    simulated: bool,
}

impl Tally {
    /// Adds one entity: its value and how much there is on the whole, so far as it says them.
    pub(crate) fn add(&mut self, how: How, value: Option<f64>, total: Option<f64>) {
        match how {
            How::Mean | How::Sum => {
                let Some(value) = value else { return };
                self.sum += value;
            }
            How::Percent => {
                let Some((value, total)) = value.zip(total.filter(|total| *total > 0.0)) else {
                    return;
                };
                self.sum += value.max(0.0);
                self.total += total;
            }
            How::Moving => {
                self.yes += usize::from(value.is_none_or(|value| value > MOVING_MIN));
            }
            How::Yes => {
                let Some(value) = value else { return };
                self.yes += usize::from(value > 0.0);
            }
            How::Fresh => self.yes += usize::from(value.is_some_and(|value| value > 0.0)),
        }
        self.count += 1;
    }

    /// What it comes to; `None` of nothing.
    pub(crate) fn value(&self, how: How) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "there are far fewer entities than 2^52"
        )]
        let (count, yes) = (self.count as f64, self.yes as f64);
        Some(match how {
            How::Mean => self.sum / count,
            How::Sum => self.sum,
            How::Moving | How::Yes => yes,
            How::Percent => 100.0 * self.sum / self.total,
            How::Fresh => 100.0 * yes / count,
        })
    }
}

impl World {
    /// All measures at `now`, in their order.
    pub(crate) fn measure(&self, now: Time) -> [Measured; COUNT] {
        let (mut fresh, mut old) = ([Tally::default(); COUNT], [Tally::default(); COUNT]);
        let devices = COUNT - 1;
        for (at, device) in self.devices.iter().enumerate() {
            if device.is_free() {
                continue;
            }
            let is_fresh = device.is_fresh(now);
            if let Some(heard) = heard(device, now, is_fresh) {
                let tally = &mut fresh[devices];
                let before = tally.count;
                tally.add(How::Fresh, Some(heard), None);
                note(tally, before, device);
            }
            let bits = self.types.get(device.kind).map_or(0, |word| word.measures);
            let Some(at) = u32::try_from(at).ok().filter(|_| bits != 0) else {
                continue;
            };
            for (index, measure) in MEASURES.iter().enumerate() {
                if bits & (1 << index) != 0 {
                    let (value, total) = self.parts(at, index);
                    let tally = if is_fresh { &mut fresh } else { &mut old };
                    let tally = &mut tally[index];
                    let before = tally.count;
                    tally.add(measure.how, value, total);
                    note(tally, before, device);
                }
            }
        }
        let mut measured = [Measured::default(); COUNT];
        for (index, measure) in MEASURES.iter().enumerate() {
            measured[index] = both(measure.how, &fresh[index], &old[index]);
        }
        measured
    }

    /// What an entity says for the measure of that number: of several attributes the preferred one.
    fn parts(&self, at: u32, measure: usize) -> (Option<f64>, Option<f64>) {
        let (mut value, mut total) = (None::<(u8, f64)>, None);
        for (_, series) in self.series_of(at) {
            match self.part(measure, series.attribute) {
                Some(Part::Value { rank }) if value.is_none_or(|(best, _)| rank < best) => {
                    value = Some((rank, series.value));
                }
                Some(Part::Total) => total = Some(series.value),
                _ => {}
            }
        }
        (value.map(|(_, value)| value), total)
    }

    fn part(&self, measure: usize, attribute: u16) -> Option<Part> {
        *self.attributes.get(attribute)?.parts.get(measure)?
    }

    /// The entities of which the measure of that number is made, with its attributes that they have, by full name,
    /// and what each has on the whole.
    pub(crate) fn inputs_of(&self, measure: usize) -> Vec<(Name, Name, Option<f64>)> {
        let is_input = |device: &Device| {
            let bits = self.types.get(device.kind).map_or(0, |word| word.measures);
            !device.is_free() && bits & (1 << measure) != 0
        };
        let devices = self.devices.iter().zip(0_u32..);
        devices
            .filter(|(device, _)| is_input(device))
            .filter_map(|(device, at)| {
                let values = self.series_of(at).filter_map(|(_, series)| {
                    match self.part(measure, series.attribute)? {
                        Part::Value { rank } => Some((rank, series.attribute)),
                        Part::Total => None,
                    }
                });
                let (_, attribute) = values.min()?;
                let name = self.attributes.name(attribute)?.clone();
                Some((device.id.clone(), name, self.parts(at, measure).1))
            })
            .collect()
    }
}

/// Whether a device was heard in time, 1 or 0; `None`: nobody expects it to be heard.
fn heard(device: &Device, now: Time, is_fresh: bool) -> Option<f64> {
    let expected = !device.is_moving()
        && device.last != i64::MIN
        && device.interval_seconds().is_some()
        && now.as_micros() - device.last <= super::GIVEN_UP_MICROS;
    expected.then(|| f64::from(u8::from(is_fresh)))
}

fn note(tally: &mut Tally, before: usize, device: &Device) {
    if tally.count == before {
        return;
    }
    tally.simulated |= device.simulated;
    if device.last != i64::MIN {
        tally.at = tally.at.max(Some(device.last));
    }
}

/// What is fresh counts; when nothing is, what was last known, called stale.
fn both(how: How, fresh: &Tally, old: &Tally) -> Measured {
    let stale = fresh.count == 0 && old.count > 0;
    let tally = if stale { old } else { fresh };
    let value = match how {
        // No vehicle that was heard of in time means none that is known to move.
        How::Moving if stale => Some(0.0),
        _ => tally.value(how),
    };
    // Of things that are counted the others count as things too.
    let entities = match how {
        How::Yes => fresh.count + old.count,
        _ => tally.count,
    };
    Measured {
        value,
        entities,
        at: fresh.at.max(old.at).map(Time),
        stale,
        simulated: fresh.simulated || old.simulated,
        there: fresh.count + old.count > 0,
    }
}

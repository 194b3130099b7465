//! What goes wrong: from the seed alone, so that the truth about any moment can be told.

// Limit: what goes wrong stays where it is: no traffic takes another way around a jam, and buses
// keep their time in it.

use base::Time;

use crate::chance::{Chance, reals, whole};
use crate::devices::Kind;
use crate::model::Model;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Hardly anything moves on a road.
    Jam,
    /// An air station says nothing.
    Silent,
    /// The oil of a transformer is far too hot.
    Hot,
    /// Water flows day and night where it should not.
    Leak,
    /// The air in a room of the museum is too damp.
    Damp,
    /// A car park is full at any hour.
    Full,
    /// A traffic counter says the same speed whatever happens: it lies.
    Stuck,
    /// A payload that nobody can read.
    Poison,
}

/// Something that goes wrong for a while; the truth that the readings may hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// What goes wrong.
    pub wrong: Wrong,
    /// The feed in which it shows.
    pub feed: &'static str,
    /// The entity that it is about.
    pub entity: String,
    /// When it begins.
    pub from: Time,
    /// When it is over.
    pub until: Time,
}

/// Each kind of incident, the devices it befalls, and its rhythm in hours.
const RHYTHMS: [(Wrong, Kind, f64); 7] = [
    (Wrong::Jam, Kind::Traffic, 2.5),
    (Wrong::Silent, Kind::Air, 8.0),
    (Wrong::Hot, Kind::Power, 6.0),
    (Wrong::Leak, Kind::Water, 12.0),
    (Wrong::Damp, Kind::Museum, 9.0),
    (Wrong::Full, Kind::Parking, 5.0),
    (Wrong::Stuck, Kind::Traffic, 14.0),
];
/// Seconds in which one payload is poisoned.
const POISON_SECONDS: i64 = 1_200;
/// Feeds whose payloads are poisoned now and then.
const POISONED: [Kind; 4] = [Kind::Traffic, Kind::Parking, Kind::Meter, Kind::Bench];
/// Seconds in which something goes from right to wrong and back.
const SLOPE_SECONDS: i64 = 480;

/// One incident in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) kind: Kind,
    pub(crate) device: usize,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Span {
    /// How bad it is at a moment: 0 outside, 1 in the midst.
    pub(crate) fn depth(self, utc: i64) -> f64 {
        if utc < self.from || utc >= self.until {
            return 0.0;
        }
        (reals((utc - self.from).min(self.until - utc)) / reals(SLOPE_SECONDS)).min(1.0)
    }
}

/// The last incident of a kind that has begun by a moment or is about to; it may be over.
pub(crate) fn span(model: &Model, wrong: Wrong, utc: i64) -> Option<Span> {
    let (place, (_, kind, hours)) = RHYTHMS
        .iter()
        .enumerate()
        .find(|(_, (known, ..))| *known == wrong)?;
    let chance = model.chance.of("incidents").nth(place);
    let slot = whole(hours * 3_600.0);
    let shift = whole(chance.unit() * reals(slot));
    let number = (utc + shift).div_euclid(slot);
    let own = chance.at(1).at(number.unsigned_abs());
    let start = number * slot - shift;
    let from = start + whole(own.at(1).between(0.0, 0.12) * reals(slot));
    let until = from + whole(own.at(2).between(0.55, 0.85) * reals(slot));
    let device = befallen(model, *kind, own.at(3))?;
    Some(Span {
        kind: *kind,
        device,
        from,
        until,
    })
}

/// A device that something befalls; jams are where there is traffic.
fn befallen(model: &Model, kind: Kind, chance: Chance) -> Option<usize> {
    let devices = model.devices.of(kind);
    let tries = (0..6).map(|round| chance.at(round).below(devices.len()));
    if kind == Kind::Traffic {
        return tries.max_by(|a, b| model.load(*a).total_cmp(&model.load(*b)));
    }
    if kind == Kind::Water || kind == Kind::Power {
        return tries.max_by(|a, b| devices[*a].size.total_cmp(&devices[*b].size));
    }
    (!devices.is_empty()).then(|| chance.below(devices.len()))
}

/// How badly a device is befallen at a moment.
pub(crate) fn depth(model: &Model, wrong: Wrong, kind: Kind, device: usize, utc: i64) -> f64 {
    match span(model, wrong, utc) {
        Some(span) if span.kind == kind && span.device == device => span.depth(utc),
        _ => 0.0,
    }
}

/// The device whose first payload in this while is poisoned, and when the while began.
fn poisoned(model: &Model, utc: i64) -> (Kind, usize, i64) {
    let slot = utc.div_euclid(POISON_SECONDS);
    let own = model.chance.of("poison").at(slot.unsigned_abs());
    let kind = POISONED[own.at(1).below(POISONED.len())];
    (
        kind,
        own.at(2).below(model.devices.of(kind).len()),
        slot * POISON_SECONDS,
    )
}

/// Whether the payload of a device at this moment is the poisoned one.
pub(crate) fn is_poisoned(model: &Model, kind: Kind, device: usize, utc: i64) -> bool {
    POISONED.contains(&kind) && {
        let (poisoned, number, since) = poisoned(model, utc);
        (poisoned, number) == (kind, device) && utc - since < kind.every()
    }
}

/// All that is wrong at a moment.
pub(crate) fn truth(model: &Model, at: Time) -> Vec<Incident> {
    let utc = at.as_micros().div_euclid(1_000_000);
    let incident = |wrong, kind: Kind, device, from, until| Incident {
        wrong,
        feed: kind.feed(),
        entity: kind.urn(device),
        from: Time::from_seconds(from),
        until: Time::from_seconds(until),
    };
    let mut incidents: Vec<Incident> = RHYTHMS
        .iter()
        .filter_map(|(wrong, ..)| Some((*wrong, span(model, *wrong, utc)?)))
        .filter(|(_, span)| (span.from..span.until).contains(&utc))
        .map(|(wrong, span)| incident(wrong, span.kind, span.device, span.from, span.until))
        .collect();
    let (kind, device, since) = poisoned(model, utc);
    if utc - since < kind.every() {
        incidents.push(incident(
            Wrong::Poison,
            kind,
            device,
            since,
            since + kind.every(),
        ));
    }
    incidents
}

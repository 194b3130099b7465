//! A layer of the map: places of a kind, where they are, and how their values are classed.

use std::cmp::Ordering;

use base::{Name, Time};
use hashbrown::HashMap;
use parking_lot::Mutex;
use spatial::Envelope;

use super::grid::Grid;
use super::known::{self, Known, short};
use super::place::{Dimension, NONE, Place, Where};

/// The rank of an attribute of a type that nobody knows.
pub(crate) const UNKNOWN: u8 = u8::MAX;
/// Places whose values make the classes: quantiles of more are the same.
const SAMPLE_MAX: usize = 10_000;
/// How long quantiles stand, so that colours keep their meaning while one looks.
const CLASSES_MICROS: i64 = 10 * 60 * 1_000_000;
/// A value is stale after so many of the usual periods of its layer …
const STALE_PERIODS: i64 = 4;
/// … and never before.
const STALE_MICROS_MIN: i64 = 5 * 60 * 1_000_000;
/// Longer silences say nothing about how often devices report.
const PERIOD_MICROS_MAX: i64 = 6 * 3_600 * 1_000_000;

/// A type of entity.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Expanded name.
    pub(crate) iri: Name,
    /// Its layer; [`NONE`] for the city itself.
    pub(crate) layer: u16,
    /// Whether it is that of the city itself.
    pub(crate) is_city: bool,
    short: Name,
    known: Option<&'static Known>,
}

impl Kind {
    /// A type of that name, in that layer.
    pub(crate) fn new(iri: Name, layer: u16, is_city: bool) -> Self {
        let known = known::of_type(short(&iri));
        Self {
            layer,
            is_city,
            short: short(&iri).into(),
            known,
            iri,
        }
    }

    /// Its short name.
    pub(crate) fn short(&self) -> &str {
        &self.short
    }

    /// How well an attribute says what matters of this type: 0 is best.
    pub(crate) fn rank(&self, iri: &str) -> Option<u8> {
        let Some(known) = self.known else {
            return (!self.is_city).then_some(UNKNOWN);
        };
        let at = known
            .attributes
            .iter()
            .position(|name| *name == short(iri))?;
        u8::try_from(at).ok()
    }
}

/// A layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Its id.
    pub(crate) id: Name,
    /// The group under which it is listed.
    pub(crate) group: &'static str,
    /// Its types.
    pub(crate) kinds: Vec<u16>,
    /// Where its places are.
    pub(crate) grid: Grid,
    /// Whether its places move.
    pub(crate) moves: bool,
    /// The change that last made it look otherwise.
    pub(crate) version: u64,
    /// When that was.
    pub(crate) updated_at: Time,
    counts: [usize; 3],
    attributes: HashMap<u16, usize>,
    /// How often a place of it is heard of, in microseconds, as far as is known.
    period: Option<i64>,
    classes: Mutex<Option<(Time, u16, Classes)>>,
    order: usize,
}

/// The upper limits of the first classes; what is above them all is the last class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Classes(pub(crate) Vec<f64>);

impl Classes {
    /// The class of a value: 0 to 4.
    pub(crate) fn of(&self, value: f64) -> u8 {
        let class = self.0.iter().take_while(|limit| value > **limit).count();
        u8::try_from(class).unwrap_or(u8::MAX)
    }
}

impl Layer {
    /// The layer of a type, by the type's short name.
    pub(crate) fn of_type(short: &str) -> Self {
        let at = known::KNOWN
            .iter()
            .position(|known| known.types.contains(&short));
        match at.and_then(|at| Some((at, known::KNOWN.get(at)?))) {
            Some((order, known)) => Self::new(known.id.into(), known.group, known.moves, order),
            None => Self::named(short),
        }
    }

    /// A layer of that name that nobody knows.
    pub(crate) fn named(id: &str) -> Self {
        // A name that is no layer's yet, and safe in a path.
        let is_safe = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        let mut safe: String = id.chars().filter(|l| is_safe(*l)).take(64).collect();
        if safe.is_empty() {
            safe.push_str("other");
        }
        Self::new(safe.into(), "other", false, known::KNOWN.len())
    }

    fn new(id: Name, group: &'static str, moves: bool, order: usize) -> Self {
        Self {
            id,
            group,
            kinds: Vec::new(),
            grid: Grid::default(),
            moves,
            version: 0,
            updated_at: Time::MIN,
            counts: [0; 3],
            attributes: HashMap::new(),
            period: None,
            classes: Mutex::new(None),
            order,
        }
    }

    /// Its place among the layers.
    pub(crate) fn order(&self) -> (usize, &str) {
        (self.order, &self.id)
    }

    /// How many places it has.
    pub(crate) fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many of them are more than points.
    pub(crate) fn shapes(&self) -> usize {
        self.counts.iter().skip(1).sum()
    }

    /// What most of its places are.
    pub(crate) fn dimension(&self) -> Dimension {
        let all = [Dimension::Point, Dimension::Line, Dimension::Area];
        let most = all.iter().zip(self.counts).max_by_key(|(_, count)| *count);
        most.map_or(Dimension::Point, |(dimension, _)| *dimension)
    }

    /// The attribute that most of its places are coloured by; [`NONE`]: none.
    pub(crate) fn attribute(&self) -> u16 {
        let most = self
            .attributes
            .iter()
            .max_by_key(|(number, count)| (**count, u16::MAX - **number));
        most.map_or(NONE, |(number, _)| *number)
    }

    /// Whether a place that was last heard of at `time` is overdue at `now`.
    pub(crate) fn is_stale(&self, place: &Place, now: Time) -> bool {
        place.observed && self.is_old(place.time, now)
    }

    /// Whether what was observed at `seen` is overdue at `now`.
    pub(crate) fn is_old(&self, seen: Time, now: Time) -> bool {
        let Some(period) = self.period else {
            return false;
        };
        let allowed = period.saturating_mul(STALE_PERIODS).max(STALE_MICROS_MIN);
        now.as_micros().saturating_sub(seen.as_micros()) > allowed
    }

    /// Whether its places can be overdue at all.
    pub(crate) fn ages(&self) -> bool {
        self.period.is_some()
    }

    /// The classes of its main attribute, of that name; `values` gives what the places say.
    pub(crate) fn classes(
        &self,
        name: &str,
        now: Time,
        values: impl Iterator<Item = f64>,
    ) -> Classes {
        if let Some(limits) = known::limits(short(name)) {
            return Classes(limits.to_vec());
        }
        let attribute = self.attribute();
        let mut held = self.classes.lock();
        if let Some((since, of, classes)) = &*held
            && *of == attribute
            && now.as_micros().saturating_sub(since.as_micros()) < CLASSES_MICROS
        {
            return classes.clone();
        }
        let step = (self.count() / SAMPLE_MAX).max(1);
        let classes = quantiles(values.step_by(step).take(SAMPLE_MAX * 2).collect());
        *held = Some((now, attribute, classes.clone()));
        classes
    }

    pub(super) fn add(&mut self, slot: u32, place: &Place, time: Time) {
        self.grid.add(slot, &place.at.envelope());
        self.count_at(place.at.dimension, 1);
        if place.attribute != NONE {
            *self.attributes.entry(place.attribute).or_default() += 1;
        }
        self.touch(place.seq, time);
    }

    pub(super) fn remove(&mut self, slot: u32, place: &Place, seq: u64) {
        self.grid.remove(slot, &place.at.envelope());
        self.count_at(place.at.dimension, -1);
        self.forget(place.attribute);
        self.version = self.version.max(seq);
    }

    pub(super) fn change(
        &mut self,
        slot: u32,
        place: &Place,
        before: &Where,
        (attribute, seen, observed): (u16, Time, bool),
        time: Time,
    ) {
        if *before != place.at {
            let (from, to): (Envelope, Envelope) = (before.envelope(), place.at.envelope());
            if !Grid::is_same(&from, &to) {
                self.grid.remove(slot, &from);
                self.grid.add(slot, &to);
            }
            self.count_at(before.dimension, -1);
            self.count_at(place.at.dimension, 1);
            self.moves |= place.observed && observed;
        }
        if attribute != place.attribute {
            self.forget(attribute);
            *self.attributes.entry(place.attribute).or_default() += 1;
        }
        let gap = place.time.as_micros().saturating_sub(seen.as_micros());
        if place.observed && observed && (1..PERIOD_MICROS_MAX).contains(&gap) {
            let period = self.period.unwrap_or(gap);
            self.period = Some(period + (gap - period) / 16);
        }
        self.touch(place.seq, time);
    }

    fn touch(&mut self, seq: u64, time: Time) {
        self.version = self.version.max(seq);
        self.updated_at = self.updated_at.max(time);
    }

    fn forget(&mut self, attribute: u16) {
        if let Some(count) = self.attributes.get_mut(&attribute) {
            *count -= 1;
            if *count == 0 {
                self.attributes.remove(&attribute);
            }
        }
    }

    fn count_at(&mut self, dimension: Dimension, by: isize) {
        if let Some(count) = self.counts.get_mut(dimension as usize) {
            *count = count.saturating_add_signed(by);
        }
    }
}

/// Four limits that part the values into five classes of about the same size; fewer when many are
/// the same.
fn quantiles(mut values: Vec<f64>) -> Classes {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let mut limits: Vec<f64> = (1..5)
        .filter_map(|fifth| values.get(values.len() * fifth / 5).copied())
        .map(rounded)
        .collect();
    limits.dedup_by(|a, b| (*a - *b).abs() < f64::EPSILON);
    // Nothing lies above the greatest of all.
    if let (Some(limit), Some(most)) = (limits.last(), values.last())
        && limit >= most
    {
        limits.pop();
    }
    Classes(limits)
}

/// A number of three digits, as people write limits.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 2.0);
    let rounded = (value / unit).round() * unit;
    // Takes out what the division left behind the last digit.
    format!("{rounded:.9}").parse().unwrap_or(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_part_values_into_five_classes() {
        let classes = quantiles((0..100).map(f64::from).collect());
        assert_eq!(classes.0, [20.0, 40.0, 60.0, 80.0]);
        let of = |value| classes.of(value);
        assert_eq!((of(-1.0), of(20.0), of(20.5), of(99.0)), (0, 0, 1, 4));
        assert_eq!(quantiles(vec![3.0; 10]), Classes(Vec::new()));
        assert_eq!(quantiles(Vec::new()), Classes(Vec::new()));
    }

    #[test]
    fn a_limit_has_three_digits() {
        assert!((rounded(12_345.678) - 12_300.0).abs() < f64::EPSILON);
        assert!((rounded(0.123_456) - 0.123).abs() < f64::EPSILON);
    }

    #[test]
    fn a_layer_that_nobody_knows_is_named_after_its_type() {
        assert_eq!(&*Layer::of_type("Beehive").id, "Beehive");
        assert_eq!(&*Layer::of_type("../../x").id, "x");
        assert_eq!(&*Layer::of_type("AirQualityObserved").id, "air");
    }
}

//! What the watch knows of the city: of every device what it last said, how often it speaks and
//! what is usual for it; nothing more, so that hundreds of thousands fit.

mod device;
mod hear;
mod measure;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::BuildHasher as _;

use base::{Name, Time};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use insight::usual::Memo;
use insight::{Alarm, Level, Slot};
use jiff::tz::TimeZone;

pub(crate) use device::Device;
use device::{NONE, Series};
pub(crate) use measure::{Measured, Tally};
use words::Words;

use crate::compact::Compact;
use crate::measures::{self, COUNT, MEASURES, Part};

/// Devices that are watched; more are counted and said, not watched.
pub(crate) const DEVICES_MAX: usize = 2_000_000;
/// Series of one device that are watched.
pub(crate) const SERIES_MAX: usize = 24;
/// A device that has been silent for so long counts as given up.
pub(crate) const GIVEN_UP_MICROS: i64 = 7 * 86_400_000_000;
/// A reading older than this is history: it raises no alarm.
pub(crate) const JUDGED_MICROS: i64 = 3_600_000_000;
/// What is usual is learned anew after so long …
const LEARN_EVERY_MINUTES: i64 = 1_440;
/// … or after this, when history itself was written: an import.
const LEARN_WRITTEN_MINUTES: i64 = 10;
const MINUTE_MICROS: i64 = 60_000_000;

/// All that is watched.
#[derive(Debug)]
pub(crate) struct World {
    /// The zone of the city.
    pub(crate) zone: TimeZone,
    /// Since when is listened: nobody was silent before.
    pub(crate) started: Time,
    /// The newest moment at which anything was observed.
    pub(crate) newest: Option<Time>,
    /// Entities that found no room.
    pub(crate) unwatched: u64,
    types: Words<TypeWord>,
    attributes: Words<AttributeWord>,
    devices: Vec<Device>,
    free_devices: Vec<u32>,
    index: HashTable<u32>,
    hasher: FixedState,
    series: Vec<Series>,
    free_series: Vec<u32>,
    /// Series with an alarm, and since when.
    alarms: BTreeMap<u32, Raised>,
    silent: BTreeSet<u32>,
    /// Devices whose history shall be read.
    wanted: VecDeque<u32>,
    memo: Memo,
}

/// An alarm of a series.
#[derive(Debug, Clone, Copy)]
struct Raised {
    since: Time,
    band: insight::Band,
}

/// What is known of a type.
#[derive(Debug)]
struct TypeWord {
    moves: bool,
    measures: u16,
    is_city: bool,
}

/// What is known of an attribute.
#[derive(Debug)]
struct AttributeWord {
    judged: bool,
    role: Role,
    /// What it is in each measure, if the type is an input of that.
    parts: [Option<Part>; COUNT],
}

/// What an attribute is for the watch, whatever the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Location,
    Simulated,
    Zone,
    Other,
}

/// A value out of its usual range.
#[derive(Debug)]
pub(crate) struct OutOfRange<'a> {
    pub(crate) device: &'a Device,
    pub(crate) type_name: &'a Name,
    pub(crate) attribute: &'a Name,
    pub(crate) alarm: Alarm,
    pub(crate) value: f64,
    pub(crate) band: insight::Band,
    pub(crate) since: Time,
}

/// A device that should have spoken.
#[derive(Debug)]
pub(crate) struct Silent<'a> {
    pub(crate) device: &'a Device,
    pub(crate) type_name: &'a Name,
    pub(crate) last: Time,
    pub(crate) expected_seconds: i64,
}

/// What was learned of a device from its history.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// By expanded name; `None`: too little is known.
    pub(crate) tables: Vec<(Name, Option<Box<Compact>>)>,
    /// When it last spoke, ascending.
    pub(crate) moments: Vec<Time>,
}

impl World {
    /// Nothing yet.
    pub(crate) fn new(zone: TimeZone, started: Time) -> Self {
        Self {
            zone,
            started,
            newest: None,
            unwatched: 0,
            types: Words::default(),
            attributes: Words::default(),
            devices: Vec::new(),
            free_devices: Vec::new(),
            index: HashTable::new(),
            hasher: FixedState::default(),
            series: Vec::new(),
            free_series: Vec::new(),
            alarms: BTreeMap::new(),
            silent: BTreeSet::new(),
            wanted: VecDeque::new(),
            memo: Memo::default(),
        }
    }

    /// How many devices are known.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes on the heap, about, names of entities not counted.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let tables = self.series.iter().filter(|s| s.table.is_some()).count();
        let bytes = self.devices.capacity() * size_of::<Device>()
            + self.series.capacity() * size_of::<Series>()
            + self.index.allocation_size()
            + tables * size_of::<Compact>();
        (bytes, self.series.len() - self.free_series.len())
    }

    fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(id)
    }

    fn find(&self, id: &str) -> Option<u32> {
        let is = |at: &u32| *self.devices[*at as usize].id == *id;
        self.index.find(self.hash(id), is).copied()
    }

    fn add(&mut self, id: &Name, kind: u16) -> Option<u32> {
        if self.index.len() >= DEVICES_MAX {
            self.unwatched += 1;
            return None;
        }
        let device = Device::new(id.clone(), kind);
        let at = if let Some(at) = self.free_devices.pop() {
            self.devices[at as usize] = device;
            at
        } else {
            self.devices.push(device);
            u32::try_from(self.devices.len() - 1).ok()?
        };
        let (devices, hasher) = (&self.devices, &self.hasher);
        let rehash = |at: &u32| hasher.hash_one(&*devices[*at as usize].id);
        self.index.insert_unique(hasher.hash_one(&**id), at, rehash);
        Some(at)
    }

    fn remove(&mut self, at: u32) {
        let hash = self.hash(&self.devices[at as usize].id);
        if let Ok(entry) = self.index.find_entry(hash, |found| *found == at) {
            entry.remove();
        }
        let mut next = std::mem::replace(&mut self.devices[at as usize].first, NONE);
        while next != NONE {
            let gone = next;
            next = self.series[gone as usize].next;
            self.drop_series(gone);
        }
        self.silent.remove(&at);
        // What waits to be learned finds a free place and passes over it.
        self.devices[at as usize] = Device::new(Name::from(""), u16::MAX);
        self.free_devices.push(at);
    }

    fn drop_series(&mut self, at: u32) {
        self.alarms.remove(&at);
        self.series[at as usize] = Series::new(NONE, u16::MAX);
        self.free_series.push(at);
    }

    /// The series of a device.
    fn series_of(&self, device: u32) -> impl Iterator<Item = (u32, &Series)> {
        let mut next = self.devices[device as usize].first;
        std::iter::from_fn(move || {
            let at = next;
            let series = self.series.get(at as usize)?;
            next = series.next;
            Some((at, series))
        })
    }

    /// Finds who has fallen silent by `now`; called every few seconds.
    pub(crate) fn listen(&mut self, now: Time) {
        for at in 0..self.devices.len() {
            let device = &self.devices[at];
            if device.is_free() || device.is_moving() || device.last == i64::MIN {
                continue;
            }
            let Ok(at) = u32::try_from(at) else { return };
            let silence = now.as_micros() - device.last.max(self.started.as_micros());
            let gone = now.as_micros() - device.last > GIVEN_UP_MICROS;
            let wait = device.patience_micros();
            if !gone && wait.is_none() && silence > device::PATIENCE_MIN_MICROS {
                self.want(at, now);
            }
            if !gone && wait.is_some_and(|wait| silence > wait) {
                if self.silent.insert(at) {
                    self.hush(at);
                }
            } else {
                self.silent.remove(&at);
            }
        }
    }

    /// What a device last said is no news any more: its alarms end.
    fn hush(&mut self, device: u32) {
        let all: Vec<u32> = self.series_of(device).map(|(at, _)| at).collect();
        for at in all {
            self.alarms.remove(&at);
            self.series[at as usize].alarm = Alarm::default();
        }
    }

    /// Those who should have spoken.
    pub(crate) fn silent(&self) -> impl Iterator<Item = Silent<'_>> {
        self.silent.iter().filter_map(|at| {
            let device = &self.devices[*at as usize];
            Some(Silent {
                device,
                type_name: self.types.name(device.kind)?,
                last: Time(device.last),
                expected_seconds: device.interval_seconds()?,
            })
        })
    }

    /// What is out of its usual range.
    pub(crate) fn out_of_range(&self) -> impl Iterator<Item = OutOfRange<'_>> {
        self.alarms.iter().filter_map(|(at, raised)| {
            let series = &self.series[*at as usize];
            let device = self.devices.get(series.device as usize)?;
            Some(OutOfRange {
                device,
                type_name: self.types.name(device.kind)?,
                attribute: self.attributes.name(series.attribute)?,
                alarm: series.alarm,
                value: series.value,
                band: raised.band,
                since: raised.since,
            })
        })
    }

    /// How many devices of a type speak by themselves.
    pub(crate) fn devices_of(&self, type_name: &str) -> usize {
        let Some(kind) = self.types.find(type_name) else {
            return 0;
        };
        let speaks = |d: &&Device| d.kind == kind && d.last != i64::MIN && !d.is_moving();
        self.devices.iter().filter(speaks).count()
    }

    /// Asks for the history of a device to be read, if that was not done lately.
    fn want(&mut self, at: u32, now: Time) {
        let device = &mut self.devices[at as usize];
        let wait = if device.rewritten {
            LEARN_WRITTEN_MINUTES
        } else {
            LEARN_EVERY_MINUTES
        };
        let age = now.as_micros() / MINUTE_MICROS - i64::from(device.learned_minutes);
        if !device.wanted && age > wait {
            device.wanted = true;
            self.wanted.push_back(at);
        }
    }

    /// The next device whose history shall be read, with the attributes that are judged.
    pub(crate) fn next_to_learn(&mut self) -> Option<(Name, Vec<Name>)> {
        while let Some(at) = self.wanted.pop_front() {
            let device = &self.devices[at as usize];
            if device.is_free() {
                continue;
            }
            let judged = |series: &Series| {
                self.attributes
                    .get(series.attribute)
                    .is_some_and(|word| word.judged)
            };
            let names = self
                .series_of(at)
                .filter(|(_, series)| judged(series) && series.at != i64::MIN)
                .filter_map(|(_, series)| self.attributes.name(series.attribute).cloned())
                .collect();
            return Some((device.id.clone(), names));
        }
        None
    }

    /// How many wait to be learned.
    #[cfg(test)]
    pub(crate) fn to_learn(&self) -> usize {
        self.wanted.len()
    }

    /// Takes what the history of a device says.
    pub(crate) fn learned(&mut self, id: &str, learned: Learned, now: Time) {
        let Some(at) = self.find(id) else { return };
        let device = &mut self.devices[at as usize];
        device.wanted = false;
        device.rewritten = false;
        let minutes = now.as_micros() / MINUTE_MICROS;
        device.learned_minutes = u32::try_from(minutes).unwrap_or(0);
        if device.interval_seconds().is_none() {
            device.take_gaps(&learned.moments);
        }
        for (name, table) in learned.tables {
            let Some(attribute) = self.attributes.find(&name) else {
                continue;
            };
            let found = self
                .series_of(at)
                .find(|(_, series)| series.attribute == attribute)
                .map(|(at, _)| at);
            if let Some(found) = found {
                self.series[found as usize].table = table;
            }
        }
    }

    /// The history of a device was written, not only what it says now.
    pub(crate) fn rewritten(&mut self, id: &str) {
        if let Some(at) = self.find(id) {
            self.devices[at as usize].rewritten = true;
        }
    }

    /// Forgets all that was learned: hours are others in another zone.
    fn unlearn(&mut self) {
        for series in &mut self.series {
            series.table = None;
        }
        for device in &mut self.devices {
            device.learned_minutes = 0;
        }
    }

    fn slot(&mut self, at: Time) -> Slot {
        self.memo.slot(at, &self.zone).0
    }

    /// Judges a fresh reading of a series by what is usual.
    fn judge(&mut self, at: u32, observed: Time) {
        let slot = self.slot(observed);
        let series = &mut self.series[at as usize];
        let Some(fence) = series.table.as_ref().and_then(|table| table.fence(slot)) else {
            return;
        };
        series.alarm.step(fence.excess(series.value));
        if series.alarm.level() == Level::Usual {
            self.alarms.remove(&at);
            return;
        }
        let raised = self.alarms.entry(at).or_insert(Raised {
            since: observed,
            band: fence.band,
        });
        raised.band = fence.band;
    }
}

impl TypeWord {
    fn of(name: &str) -> Self {
        let short = measures::short(name);
        Self {
            moves: measures::moves(short),
            measures: measures::measures_of(short),
            is_city: short == "City",
        }
    }
}

impl AttributeWord {
    fn of(name: &str) -> Self {
        let short = measures::short(name);
        Self {
            judged: measures::is_judged(short),
            parts: std::array::from_fn(|index| measures::part(&MEASURES[index], short)),
            role: match short {
                "location" => Role::Location,
                "simulated" => Role::Simulated,
                "timezone" => Role::Zone,
                _ => Role::Other,
            },
        }
    }
}

//! Hearing: entities and changes of them become what is known.

use base::Time;
use insight::Alarm;
use jiff::tz::TimeZone;
use ngsi::{Attribute, AttributeKey, AttributeValue, Entity};
use ports::{Around, EntityChange};
use serde_json::Value;

use super::device::{NONE, Series};
use super::{AttributeWord, JUDGED_MICROS, Role, SERIES_MAX, TypeWord, World};
use crate::measures::{self, KPI_SHORT};

impl World {
    /// Takes a whole entity, as it was found or put.
    pub(crate) fn entity(&mut self, entity: &Entity, now: Time) {
        let watched = entity
            .types
            .iter()
            .all(|name| measures::short(name) != KPI_SHORT);
        let Some(first) = entity.types.first().filter(|_| watched) else {
            return;
        };
        // The type that is a measure's input, else the first.
        let known = |name: &&base::Name| measures::measures_of(measures::short(name)) != 0;
        let name = entity.types.iter().find(known).unwrap_or(first);
        let Some(kind) = self.types.number(name, TypeWord::of) else {
            return;
        };
        let found = self.find(&entity.id);
        let Some(at) = found.or_else(|| self.add(&entity.id, kind)) else {
            return;
        };
        if found.is_some() {
            self.devices[at as usize].kind = kind;
            self.keep_only(at, entity);
        }
        if self.types.get(kind).is_some_and(|word| word.moves) {
            self.devices[at as usize].is_mover();
        }
        self.hear(at, &entity.attributes, now);
    }

    /// Takes a change of an entity.
    pub(crate) fn change(&mut self, id: &str, change: &EntityChange, around: &Around, now: Time) {
        match change {
            EntityChange::Put(entity) => self.entity(entity, now),
            EntityChange::Patch { delta } => {
                if let (Some(_), Some(after)) = (&delta.types, &around.after) {
                    self.entity(after, now);
                }
                let Some(at) = self.find(id) else { return };
                for key in &delta.remove {
                    self.forget(at, key);
                }
                self.hear(at, &delta.set, now);
            }
            EntityChange::Delete { .. } => {
                if let Some(at) = self.find(id) {
                    self.remove(at);
                }
            }
        }
    }

    /// Takes attributes that were said together.
    fn hear(&mut self, at: u32, attributes: &[Attribute], now: Time) {
        let mut newest = i64::MIN;
        for attribute in attributes.iter().filter(|a| a.dataset_id.is_none()) {
            if let Some(observed) = attribute.observed_at {
                newest = newest.max(observed.min(now).as_micros());
            }
            let Some(number) = self.attributes.number(&attribute.name, AttributeWord::of) else {
                continue;
            };
            let role = self.attributes.get(number).map_or(Role::Other, |w| w.role);
            self.said(at, number, role, attribute, now);
        }
        if newest != i64::MIN {
            self.devices[at as usize].heard(newest);
            self.newest = self.newest.max(Some(Time(newest)));
            self.silent.remove(&at);
        }
    }

    fn said(&mut self, at: u32, number: u16, role: Role, attribute: &Attribute, now: Time) {
        match (role, &attribute.value) {
            (Role::Location, AttributeValue::Geo(geometry)) => {
                let centre = geometry.centroid();
                self.placed(at, centre.lon, centre.lat);
            }
            (Role::Simulated, AttributeValue::Property(value)) => {
                self.devices[at as usize].simulated = *value == Value::Bool(true);
            }
            (Role::Zone, AttributeValue::Property(Value::String(zone))) => self.zoned(at, zone),
            (Role::Other, value) => {
                if let Some(value) = self.number(at, number, value, attribute.observed_at) {
                    self.valued(at, number, value, attribute.observed_at, now);
                }
            }
            _ => {}
        }
    }

    /// The number that a value is for the watch: numbers that were observed, and whatever a
    /// measure can read.
    fn number(
        &self,
        at: u32,
        number: u16,
        value: &AttributeValue,
        observed: Option<Time>,
    ) -> Option<f64> {
        let plain = match value {
            AttributeValue::Property(Value::Number(value)) => value.as_f64(),
            _ => None,
        };
        if observed.is_some() && plain.is_some() {
            return plain;
        }
        let bits = self.types.get(self.devices[at as usize].kind)?.measures;
        let mut parts = self.attributes.get(number)?.parts.iter().enumerate();
        parts.find(|(index, part)| bits & (1 << index) != 0 && part.is_some())?;
        let yes = |yes: bool| Some(f64::from(u8::from(yes)));
        plain.or_else(|| match value {
            AttributeValue::Property(Value::Bool(flag)) => yes(*flag),
            AttributeValue::Property(Value::String(word)) => yes(measures::says_yes(word)),
            AttributeValue::Vocab(uris) => {
                yes(uris.as_slice().iter().any(|uri| measures::says_yes(uri)))
            }
            _ => None,
        })
    }

    fn valued(&mut self, at: u32, number: u16, value: f64, observed: Option<Time>, now: Time) {
        let found = self
            .series_of(at)
            .find(|(_, series)| series.attribute == number)
            .map(|(place, _)| place);
        let Some(place) = found.or_else(|| self.add_series(at, number)) else {
            return;
        };
        let series = &mut self.series[place as usize];
        let Some(observed) = observed else {
            series.value = value;
            return;
        };
        if observed.as_micros() <= series.at {
            return;
        }
        (series.value, series.at) = (value, observed.as_micros());
        let age = now.as_micros() - observed.as_micros();
        let judged = self.attributes.get(number).is_some_and(|word| word.judged);
        if judged && !self.devices[at as usize].is_moving() && age.abs() <= JUDGED_MICROS {
            self.want(at, now);
            self.judge(place, observed);
        }
    }

    fn add_series(&mut self, at: u32, number: u16) -> Option<u32> {
        if self.series_of(at).count() >= SERIES_MAX {
            return None;
        }
        let device = &mut self.devices[at as usize];
        let mut series = Series::new(at, number);
        series.next = device.first;
        let place = if let Some(place) = self.free_series.pop() {
            self.series[place as usize] = series;
            place
        } else {
            self.series.push(series);
            u32::try_from(self.series.len() - 1).ok()?
        };
        device.first = place;
        // It has a history to be learned from only when it is read again.
        device.learned_minutes = 0;
        Some(place)
    }

    /// Takes out the series of attributes that an entity does not have any more.
    fn keep_only(&mut self, at: u32, entity: &Entity) {
        let gone = |name: &base::Name| entity.attribute(name, None).is_none();
        let names: Vec<AttributeKey> = self
            .series_of(at)
            .filter_map(|(_, series)| self.attributes.name(series.attribute))
            .filter(|name| gone(name))
            .map(|name| AttributeKey {
                name: name.clone(),
                dataset_id: None,
            })
            .collect();
        for key in names {
            self.forget(at, &key);
        }
    }

    fn forget(&mut self, at: u32, key: &AttributeKey) {
        let Some(number) = self.attributes.find(&key.name) else {
            return;
        };
        if key.dataset_id.is_some() {
            return;
        }
        let (mut before, mut place) = (NONE, self.devices[at as usize].first);
        while place != NONE {
            let next = self.series[place as usize].next;
            if self.series[place as usize].attribute == number {
                match self.series.get_mut(before as usize) {
                    Some(series) => series.next = next,
                    None => self.devices[at as usize].first = next,
                }
                self.drop_series(place);
                return;
            }
            (before, place) = (place, next);
        }
    }

    /// Takes the place of a device: one that is elsewhere again and again moves.
    fn placed(&mut self, at: u32, lon: f64, lat: f64) {
        let bits = lon.to_bits().rotate_left(32) ^ lat.to_bits().wrapping_mul(0x9e37_79b9);
        let folded = (bits ^ (bits >> 32)) & u64::from(u32::MAX);
        // 0 stands for no place.
        let place = u32::try_from(folded).unwrap_or(0) | 1;
        if self.devices[at as usize].placed(place) {
            self.silent.remove(&at);
            self.hush(at);
        }
    }

    /// Takes the zone that the city says it lies in.
    fn zoned(&mut self, at: u32, zone: &str) {
        let kind = self.devices[at as usize].kind;
        if !self.types.get(kind).is_some_and(|word| word.is_city) {
            return;
        }
        match TimeZone::get(zone) {
            Ok(zone) if zone != self.zone => {
                self.zone = zone;
                self.memo = insight::usual::Memo::default();
                self.unlearn();
                for series in &mut self.series {
                    series.alarm = Alarm::default();
                }
                self.alarms.clear();
            }
            Ok(_) => {}
            Err(reason) => tracing::warn!(zone, %reason, "the city names a zone that is none"),
        }
    }
}

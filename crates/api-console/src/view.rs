//! The view of the places: every entity with a location, in memory, in a form that tiles, lists
//! and the search are made of at once. It is kept by following the log.

mod follow;
mod grid;
pub(crate) mod known;
pub(crate) mod layer;
pub(crate) mod place;
mod recent;
pub(crate) mod words;

use base::{Name, Time};
use hashbrown::{HashMap, HashTable};
use ngsi::{Delta, Entity};
use spatial::Envelope;

pub(crate) use follow::Follower;
use known::{NOT_ON_THE_MAP, short};
use layer::{Kind, Layer};
use place::{Area, NONE, Place, Role, Where, is_simulated, is_true, location, names, number};
pub(crate) use recent::{Recent, Seen};
use words::Words;

/// Types that have a layer of their own; entities of further types share the layer `other`.
const KINDS_MAX: usize = 1_000;
/// Attributes that are known by number; others do not colour the map.
const ATTRIBUTES_MAX: usize = 10_000;
/// The type of the entity that says which city this is.
const CITY: &str = "City";

/// An attribute as the map knows it.
#[derive(Debug)]
pub(crate) struct Coloured {
    /// Expanded name.
    pub(crate) iri: Name,
    /// UN/CEFACT code of its unit, as it was last said.
    pub(crate) unit: Option<Name>,
}

/// All places.
#[derive(Debug, Default)]
pub(crate) struct View {
    places: Vec<Option<Place>>,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    kinds: Vec<Kind>,
    kinds_by_iri: HashMap<Name, u16>,
    layers: Vec<Layer>,
    attributes: Vec<Coloured>,
    attributes_by_iri: HashMap<Name, u16>,
    words: Words,
    /// The entity that says which city this is.
    city: Option<Name>,
    /// The last changes, for those who watch.
    pub(crate) recent: Recent,
    /// Up to where the log has been followed.
    pub(crate) seq: u64,
    /// Whether all that was there at the start has been read.
    pub(crate) is_complete: bool,
}

/// What the view made of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in the view, or of no matter to it.
    Done,
    /// The whole entity must be read to know.
    ReadAgain,
}

impl View {
    /// The slot of an entity.
    pub(crate) fn slot(&self, id: &str) -> Option<u32> {
        let is = |slot: &u32| self.place(*slot).is_some_and(|place| place.id == *id);
        self.by_id.find(self.hash(id), is).copied()
    }

    /// The place in a slot.
    pub(crate) fn place(&self, slot: u32) -> Option<&Place> {
        self.places.get(slot as usize)?.as_ref()
    }

    /// The place of an entity.
    pub(crate) fn of(&self, id: &str) -> Option<&Place> {
        self.place(self.slot(id)?)
    }

    /// Every place, with its slot.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Place)> {
        (0..)
            .zip(&self.places)
            .filter_map(|(slot, place)| Some((slot, place.as_ref()?)))
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The layers, in the order in which they came to be.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layer of that id.
    pub(crate) fn layer(&self, id: &str) -> Option<(u16, &Layer)> {
        (0..).zip(&self.layers).find(|(_, layer)| *layer.id == *id)
    }

    /// The layer in which a place is.
    pub(crate) fn layer_of(&self, place: &Place) -> Option<&Layer> {
        self.layers.get(usize::from(self.kind(place)?.layer))
    }

    /// The type of a place.
    pub(crate) fn kind(&self, place: &Place) -> Option<&Kind> {
        self.kinds.get(usize::from(place.kind))
    }

    /// The type of that number.
    pub(crate) fn kind_at(&self, kind: u16) -> Option<&Kind> {
        self.kinds.get(usize::from(kind))
    }

    /// An attribute by its number.
    pub(crate) fn attribute(&self, number: u16) -> Option<&Coloured> {
        self.attributes.get(usize::from(number))
    }

    /// The city entity.
    pub(crate) fn city(&self) -> Option<&Place> {
        self.of(self.city.as_deref()?)
    }

    /// The slots of a layer that lie in a box or touch it, each once.
    pub(crate) fn within(&self, layer: &Layer, area: &Envelope) -> Vec<u32> {
        let mut slots = Vec::new();
        let fixed = Area::of(area);
        layer.grid.visit(area, &mut |slot| {
            let place = self.place(slot);
            if place.is_some_and(|place| place.at.touches(&fixed)) {
                slots.push(slot);
            }
        });
        if layer.shapes() > 0 {
            slots.sort_unstable();
            slots.dedup();
        }
        slots
    }

    /// The slots in whose words the folded text is found, and how well.
    pub(crate) fn find(&self, folded: &str) -> Vec<(u32, u8)> {
        let is_current = |slot: u32, start: usize| {
            self.place(slot)
                .is_some_and(|place| place.words.begins_at(start))
        };
        self.words.find(folded, &is_current)
    }

    /// Takes in an entity as it is now.
    pub(crate) fn put(&mut self, entity: &Entity, seq: u64, time: Time) {
        let wanted = self.kind_of(&entity.types);
        let (Some(kind), Some((geometry, located))) = (wanted, location(entity)) else {
            self.remove(&entity.id, seq);
            return;
        };
        let mut place = Place {
            id: entity.id.clone(),
            names: names(entity),
            at: Where::of(geometry),
            value: f64::NAN,
            time: located.observed_at.unwrap_or(entity.modified_at),
            seq,
            words: words::Span::default(),
            kind,
            attribute: NONE,
            simulated: is_simulated(entity),
            observed: located.observed_at.is_some(),
        };
        for attribute in &entity.attributes {
            self.colour(&mut place, attribute);
        }
        if self.kind(&place).is_some_and(|kind| kind.is_city) {
            self.city = Some(entity.id.clone());
        }
        self.replace(place, time);
    }

    /// Takes in what changed of an entity.
    pub(crate) fn patch(&mut self, id: &str, delta: &Delta, seq: u64, time: Time) -> Taken {
        let touches = |role| delta.set.iter().any(|a| Role::of(&a.name) == role);
        let Some(slot) = self.slot(id) else {
            return if touches(Role::Location) {
                Taken::ReadAgain
            } else {
                Taken::Done
            };
        };
        let Some(place) = self.place(slot) else {
            return Taken::Done;
        };
        if seq < place.seq {
            return Taken::Done;
        }
        let main = self.attributes.get(usize::from(place.attribute));
        let loses = delta.remove.iter().any(|key| {
            Role::of(&key.name) != Role::Other || main.is_some_and(|main| main.iri == key.name)
        });
        if loses || delta.types.is_some() || touches(Role::Name) {
            return Taken::ReadAgain;
        }
        let Some(mut place) = self.places.get_mut(slot as usize).and_then(Option::take) else {
            return Taken::Done;
        };
        let before = place.at.clone();
        let was = (place.attribute, place.time, place.observed);
        place.seq = seq;
        for attribute in &delta.set {
            self.colour(&mut place, attribute);
        }
        if let Some(empty) = self.places.get_mut(slot as usize) {
            *empty = Some(place);
        }
        self.moved(slot, &before, was, time);
        Taken::Done
    }

    /// Takes out an entity.
    pub(crate) fn remove(&mut self, id: &str, seq: u64) {
        let Some(slot) = self.slot(id) else { return };
        let Some(place) = self.take_out(slot, seq) else {
            return;
        };
        if self.city.as_deref() == Some(id) {
            self.city = None;
        }
        self.recent.push_gone(seq, place.kind, place.id);
    }

    /// Reads what one attribute says of a place.
    fn colour(&mut self, place: &mut Place, attribute: &ngsi::Attribute) {
        if attribute.dataset_id.is_some() {
            return;
        }
        match Role::of(&attribute.name) {
            Role::Location => {
                if let ngsi::AttributeValue::Geo(geometry) = &attribute.value {
                    place.at = Where::of(geometry);
                    place.see(attribute.observed_at);
                }
            }
            Role::Simulated => place.simulated = is_true(&attribute.value),
            Role::Name => {}
            Role::Other => self.value(place, attribute),
        }
    }

    /// Takes the attribute as the main one if it is as good as the one that is.
    fn value(&mut self, place: &mut Place, attribute: &ngsi::Attribute) {
        let Some(value) = number(&attribute.value) else {
            return;
        };
        let rank = |view: &Self, name: &str| view.kind(place).and_then(|k| k.rank(name));
        let is_observed = attribute.observed_at.is_some();
        let Some(new) = rank(self, &attribute.name) else {
            return;
        };
        // Of a type that nobody knows only what is observed is worth a colour.
        if new == layer::UNKNOWN && !is_observed {
            return;
        }
        let main = self.attribute(place.attribute).map(|main| main.iri.clone());
        let is_main = main.as_ref().is_some_and(|main| *main == attribute.name);
        let old = main.and_then(|main| rank(self, &main));
        if !is_main && old.is_some_and(|old| old <= new) {
            return;
        }
        place.attribute = self.number_of(attribute);
        place.value = value;
        place.see(attribute.observed_at);
    }

    /// The number of an attribute.
    fn number_of(&mut self, attribute: &ngsi::Attribute) -> u16 {
        if let Some(number) = self.attributes_by_iri.get(&attribute.name) {
            if attribute.unit_code.is_some()
                && let Some(known) = self.attributes.get_mut(usize::from(*number))
                && known.unit != attribute.unit_code
            {
                known.unit.clone_from(&attribute.unit_code);
            }
            return *number;
        }
        if self.attributes.len() >= ATTRIBUTES_MAX {
            return NONE;
        }
        let number = u16::try_from(self.attributes.len()).unwrap_or(NONE);
        self.attributes.push(Coloured {
            iri: attribute.name.clone(),
            unit: attribute.unit_code.clone(),
        });
        self.attributes_by_iri
            .insert(attribute.name.clone(), number);
        number
    }

    /// The number of the type under which an entity stands on the map; `None`: it does not.
    fn kind_of(&mut self, types: &[Name]) -> Option<u16> {
        let is_known = |iri: &&Name| known::of_type(short(iri)).is_some();
        let iri = types.iter().find(is_known).or_else(|| types.first())?;
        if NOT_ON_THE_MAP.contains(&short(iri)) {
            return None;
        }
        if let Some(kind) = self.kinds_by_iri.get(iri) {
            return Some(*kind);
        }
        let is_city = short(iri) == CITY;
        let layer = if is_city {
            NONE
        } else {
            self.layer_for(short(iri))
        };
        let kind = u16::try_from(self.kinds.len()).ok()?;
        if self.kinds.len() > KINDS_MAX {
            // All further types are this one.
            return Some(kind - 1);
        }
        self.kinds.push(Kind::new(iri.clone(), layer, is_city));
        self.kinds_by_iri.insert(iri.clone(), kind);
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.kinds.push(kind);
        }
        Some(kind)
    }

    /// The number of the layer of a type.
    fn layer_for(&mut self, short: &str) -> u16 {
        let layer = if self.kinds.len() >= KINDS_MAX {
            Layer::named("other")
        } else {
            Layer::of_type(short)
        };
        if let Some((number, _)) = self.layer(&layer.id) {
            return number;
        }
        self.layers.push(layer);
        u16::try_from(self.layers.len() - 1).unwrap_or(NONE)
    }

    /// Puts a place in, instead of the one that was.
    fn replace(&mut self, mut place: Place, time: Time) {
        let id = place.id.clone();
        if let Some(slot) = self.slot(&id) {
            let same_names = self
                .place(slot)
                .is_some_and(|old| old.names == place.names && old.kind == place.kind);
            if same_names
                && let Some(Some(old)) = self.places.get_mut(slot as usize)
                && place.seq >= old.seq
            {
                place.words = old.words;
                let old = std::mem::replace(old, place);
                let was = (old.attribute, old.time, old.observed);
                self.moved(slot, &old.at, was, time);
                return;
            }
            if self.place(slot).is_some_and(|old| old.seq > place.seq) {
                return;
            }
            self.take_out(slot, place.seq);
        }
        self.put_in(place, time);
    }

    fn put_in(&mut self, mut place: Place, time: Time) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            // Four billion places do not fit into memory.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let names = place.names.iter().map(|(_, name)| name);
        place.words = self.words.add(slot, names, &place.id);
        let hash = self.hash(&place.id);
        let (places, hasher) = (&self.places, &self.hasher);
        let rehash = |slot: &u32| {
            let place = places.get(*slot as usize).and_then(Option::as_ref);
            place.map_or(0, |place| hash_of(hasher, &place.id))
        };
        self.by_id.insert_unique(hash, slot, rehash);
        let number = self.kind(&place).map_or(NONE, |kind| kind.layer);
        if let Some(layer) = self.layers.get_mut(usize::from(number)) {
            layer.add(slot, &place, time);
        }
        self.recent.push(place.seq, slot, &place.at, None);
        if let Some(empty) = self.places.get_mut(slot as usize) {
            *empty = Some(place);
        }
    }

    fn take_out(&mut self, slot: u32, seq: u64) -> Option<Place> {
        let place = self.places.get_mut(slot as usize)?.take()?;
        let hash = self.hash(&place.id);
        if let Ok(entry) = self.by_id.find_entry(hash, |held| *held == slot) {
            entry.remove();
        }
        let number = self.kind(&place).map_or(NONE, |kind| kind.layer);
        if let Some(layer) = self.layers.get_mut(usize::from(number)) {
            layer.remove(slot, &place, seq);
        }
        self.words.remove(place.words);
        self.free.push(slot);
        self.tidy();
        Some(place)
    }

    /// Tells the layer and those who watch that a place has changed.
    fn moved(&mut self, slot: u32, before: &Where, was: (u16, Time, bool), time: Time) {
        let Some(Some(place)) = self.places.get(slot as usize) else {
            return;
        };
        let number = self
            .kinds
            .get(usize::from(place.kind))
            .map_or(NONE, |kind| kind.layer);
        if let Some(layer) = self.layers.get_mut(usize::from(number)) {
            layer.change(slot, place, before, was, time);
        }
        self.recent.push(place.seq, slot, &place.at, Some(before));
    }

    /// Writes the words anew when most of them are garbage.
    fn tidy(&mut self) {
        if !self.words.is_wasteful() {
            return;
        }
        let mut words = Words::default();
        for (slot, place) in (0..).zip(&mut self.places) {
            if let Some(place) = place {
                let names = place.names.iter().map(|(_, name)| name);
                place.words = words.add(slot, names, &place.id);
            }
        }
        self.words = words;
    }

    fn hash(&self, id: &str) -> u64 {
        hash_of(&self.hasher, id)
    }
}

fn hash_of(hasher: &foldhash::fast::FixedState, id: &str) -> u64 {
    use std::hash::BuildHasher as _;
    hasher.hash_one(id)
}

#[cfg(test)]
mod tests;

//! Entity maps: which entities a question is about, and who holds them, pinned for the questions
//! that follow it [CIM-009 §5.2.39, §5.5.9.3, §5.5.14, §5.14].
//!
//! They are kept in memory: a map lives for minutes, and a caller whose map is gone gets a new one.
//!
//! A map keeps the place of an entity that fell out of it. An offset is a place in the map, so a
//! page neither repeats nor misses an entity when one before it is deleted meanwhile.

mod entry;
mod pinned;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{Kind, Name, Tenant, Time};
use ngsi::aggregate::Period;
use parking_lot::{Mutex, RwLock};
use ports::{Clock, Entropy};
use serde_json::{Map, Value, json};

pub use entry::Entry;
pub use pinned::{PinError, Pinned};

/// The source that is this node itself.
pub const HERE: &str = "@none";
/// Entities of one map. A question about more of them is refused a map.
pub const ENTITIES_MAX: usize = 100_000;
/// Entities of all maps of a node: some 100 MB.
const ENTITIES_IN_ALL_MAX: usize = 1_000_000;
/// Maps of a node.
const MAPS_MAX: usize = 10_000;
/// Microseconds that a map lives when its caller says nothing.
const LIFETIME_MICROS: i64 = 5 * 60 * 1_000_000;
/// Microseconds that a map lives at most from now, whatever its caller says.
const LIFETIME_MICROS_MAX: i64 = 24 * 60 * 60 * 1_000_000;

/// Why there is no map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// None of that id, or none any more.
    #[error("there is no entity map '{id}' here")]
    Unknown {
        /// What was asked for.
        id: Name,
    },
    /// The question is about too many entities.
    #[error("an entity map holds at most {ENTITIES_MAX} entities: ask for fewer")]
    TooMany,
}

impl MapError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::NotFound,
            Self::TooMany => Kind::Limit,
        }
    }
}

/// One map.
#[derive(Debug)]
pub struct EntityMap {
    /// Its URI.
    pub id: Name,
    expires_at: AtomicI64,
    entries: RwLock<Vec<Entry>>,
    /// How many entries there are, those that fell out included.
    places: usize,
}

impl EntityMap {
    /// When it ends.
    pub fn expires_at(&self) -> Time {
        Time(self.expires_at.load(Ordering::Relaxed))
    }

    /// How many places it has.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Up to `limit` entries from a place on, with their places; those that fell out are left out.
    pub fn entries(&self, from: usize, limit: usize) -> Vec<(usize, Entry)> {
        let entries = self.entries.read();
        let entries = entries.iter().enumerate().skip(from).take(limit);
        let live = entries.filter(|(_, entry)| !entry.is_out);
        live.map(|(place, entry)| (place, entry.clone())).collect()
    }

    /// The place of an entity that is in it.
    pub fn place_of(&self, id: &str) -> Option<usize> {
        let entries = self.entries.read();
        let place = entries.binary_search_by(|entry| (*entry.id).cmp(id)).ok()?;
        (!entries.get(place)?.is_out).then_some(place)
    }

    /// Takes out what does not match any more. Only what this node alone holds: of another source
    /// it cannot be told whether an entity is gone or the source.
    pub fn take_out(&self, places: &[usize]) {
        let mut entries = self.entries.write();
        for place in places {
            if let Some(entry) = entries.get_mut(*place)
                && entry.is_here_alone()
            {
                entry.is_out = true;
            }
        }
    }

    /// The map as JSON [CIM-009 §5.2.39].
    pub fn to_json(&self) -> Value {
        let entries = self.entries.read();
        let shown = entries.iter().filter(|entry| !entry.is_out);
        let shown: Map<String, Value> = shown
            .map(|entry| (entry.id.to_string(), json!(*entry.sources)))
            .collect();
        json!({
            "id": self.id,
            "type": "EntityMap",
            "expiresAt": self.expires_at().to_string(),
            "entityMap": shown,
            // Limit: other sources are asked for the entities of a page by id, so none of theirs
            // are linked.
            "linkedMaps": {},
        })
    }
}

/// All maps of a node.
#[derive(Debug)]
pub struct EntityMaps {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    maps: Mutex<HashMap<(Tenant, Name), Arc<EntityMap>>>,
}

impl EntityMaps {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            maps: Mutex::default(),
        }
    }

    /// Pins entities with the sources that hold them. The lifetime is what the caller suggests;
    /// the node sets it [CIM-009 §6.4.3.2].
    pub fn create(
        &self,
        tenant: &Tenant,
        mut entries: Vec<Entry>,
        lifetime: Option<Period>,
    ) -> Result<Arc<EntityMap>, MapError> {
        if entries.len() > ENTITIES_MAX {
            return Err(MapError::TooMany);
        }
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries.dedup_by(|a, b| a.id == b.id);
        let now = self.clock.now();
        let ends = match lifetime {
            Some(period) => period.after(now),
            None => now.plus_micros(LIFETIME_MICROS),
        };
        let mut random = [0_u8; 16];
        self.entropy.fill(&mut random);
        let id = format!("urn:ngsi-ld:EntityMap:{:032x}", u128::from_be_bytes(random));
        let map = Arc::new(EntityMap {
            id: Name::from(id),
            expires_at: AtomicI64::new(bounded(ends, now).as_micros()),
            places: entries.len(),
            entries: RwLock::new(entries),
        });
        let mut maps = self.maps.lock();
        make_room(&mut maps, map.places, now);
        maps.insert((tenant.clone(), map.id.clone()), Arc::clone(&map));
        Ok(map)
    }

    /// A map that has not ended [CIM-009 §5.14.1].
    pub fn get(&self, tenant: &Tenant, id: &Name) -> Result<Arc<EntityMap>, MapError> {
        let now = self.clock.now();
        let key = (tenant.clone(), id.clone());
        let mut maps = self.maps.lock();
        match maps.get(&key) {
            Some(map) if map.expires_at() > now => Ok(Arc::clone(map)),
            found => {
                if found.is_some() {
                    maps.remove(&key);
                }
                Err(MapError::Unknown { id: id.clone() })
            }
        }
    }

    /// Sets when a map ends, within what the node allows [CIM-009 §5.14.2].
    pub fn prolong(&self, tenant: &Tenant, id: &Name, ends: Time) -> Result<(), MapError> {
        let map = self.get(tenant, id)?;
        let ends = bounded(ends, self.clock.now()).as_micros();
        map.expires_at.store(ends, Ordering::Relaxed);
        Ok(())
    }

    /// Deletes a map [CIM-009 §5.14.3].
    pub fn delete(&self, tenant: &Tenant, id: &Name) -> Result<(), MapError> {
        self.get(tenant, id)?;
        self.maps.lock().remove(&(tenant.clone(), id.clone()));
        Ok(())
    }
}

fn bounded(ends: Time, now: Time) -> Time {
    ends.min(now.plus_micros(LIFETIME_MICROS_MAX))
}

/// Drops maps that have ended and, while there are still too many, those that end first.
fn make_room(maps: &mut HashMap<(Tenant, Name), Arc<EntityMap>>, places: usize, now: Time) {
    let in_all = |maps: &HashMap<_, Arc<EntityMap>>| maps.values().map(|m| m.places).sum::<usize>();
    if maps.len() < MAPS_MAX && in_all(maps) + places <= ENTITIES_IN_ALL_MAX {
        return;
    }
    maps.retain(|_, map| map.expires_at() > now);
    let mut left = in_all(maps);
    let mut by_end: Vec<_> = maps
        .iter()
        .map(|(key, map)| (map.expires_at(), key.clone(), map.places))
        .collect();
    by_end.sort();
    // Some more than must be, so that not every new map sorts all of them.
    let (maps_max, entities_max) = (MAPS_MAX * 9 / 10, ENTITIES_IN_ALL_MAX * 9 / 10);
    for (_, key, freed) in by_end {
        if maps.len() < maps_max && left + places <= entities_max {
            return;
        }
        maps.remove(&key);
        left -= freed;
    }
}

#[cfg(test)]
mod tests {
    use testkit::{SeededEntropy, StepClock};

    use super::*;

    struct World {
        clock: Arc<StepClock>,
        maps: EntityMaps,
    }

    fn world() -> World {
        let clock = Arc::new(StepClock::at(Time::from_seconds(1_000_000)));
        let maps = EntityMaps::new(
            Arc::<StepClock>::clone(&clock),
            Arc::new(SeededEntropy::new(1)),
        );
        World { clock, maps }
    }

    fn tenant() -> Tenant {
        Tenant::default_tenant()
    }

    fn here(ids: &[&str]) -> Vec<Entry> {
        ids.iter().map(|id| Entry::here(Name::from(*id))).collect()
    }

    #[test]
    fn a_map_keeps_the_places_of_what_fell_out() {
        let World { maps, .. } = world();
        let mut entries = here(&["urn:c", "urn:a"]);
        entries.push(Entry::new(Name::from("urn:b"), vec![Name::from("urn:reg")]));
        let map = maps.create(&tenant(), entries, None).expect("a map");
        map.take_out(&[0, 1]);
        let live: Vec<_> = map
            .entries(0, 9)
            .into_iter()
            .map(|(at, e)| (at, e.id))
            .collect();
        // Of what another source holds nobody here knows that it is gone.
        assert_eq!(live, [(1, Name::from("urn:b")), (2, Name::from("urn:c"))]);
        let shown = map.to_json();
        assert_eq!(
            shown["entityMap"],
            json!({"urn:b": ["urn:reg"], "urn:c": ["@none"]})
        );
        assert_eq!(
            (map.place_of("urn:c"), map.place_of("urn:a")),
            (Some(2), None)
        );
    }

    #[test]
    fn a_map_ends_when_the_node_says_and_belongs_to_its_tenant() {
        let World { clock, maps } = world();
        let ten_years = Period::parse("P3650D").expect("a period");
        let map = maps.create(&tenant(), here(&["urn:a"]), Some(ten_years));
        let map = map.expect("a map");
        assert_eq!(
            map.expires_at(),
            clock.now().plus_micros(LIFETIME_MICROS_MAX)
        );
        let other = Tenant::new("other").expect("a tenant");
        assert!(maps.get(&other, &map.id).is_err() && maps.delete(&other, &map.id).is_err());
        maps.prolong(&tenant(), &map.id, clock.now().plus_micros(1_000_000))
            .expect("shorter");
        clock.advance_seconds(2);
        assert_eq!(
            maps.get(&tenant(), &map.id).map_err(|e| e.kind()).err(),
            Some(Kind::NotFound)
        );
    }

    #[test]
    fn a_node_keeps_only_so_many_maps_and_drops_those_that_end_first() {
        let World { clock, maps } = world();
        let first = maps
            .create(&tenant(), here(&["urn:a"]), None)
            .expect("a map");
        clock.advance_seconds(1);
        let mut last = None;
        for _ in 0..MAPS_MAX {
            last = maps.create(&tenant(), here(&["urn:a"]), None).ok();
        }
        let last = last.expect("a map");
        assert!(maps.maps.lock().len() <= MAPS_MAX);
        maps.get(&tenant(), &first.id).expect_err("dropped");
        maps.get(&tenant(), &last.id).expect("the newest is kept");
        let ids = (0..=ENTITIES_MAX).map(|n| Entry::here(Name::from(format!("urn:{n}"))));
        let too_many = maps.create(&tenant(), ids.collect(), None);
        assert_eq!(too_many.map_err(|e| e.kind()).err(), Some(Kind::Limit));
    }
}

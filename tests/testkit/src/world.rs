//! A random world from a seed: few ids, names and values, so that things meet, change and are found.

mod questions;

use base::{Name, Tenant, Time};
use ngsi::{Attribute, AttributeValue, Entity, Uris};
use serde_json::{Value, json};
use spatial::Geometry;

use crate::{Random, name};

const TYPES: [&str; 4] = ["Room", "House", "Street", "Vehicle"];
const SCOPES: [&str; 5] = ["/A", "/A/B", "/A/B/C", "/A/D", "/E"];
const LANGUAGES: [&str; 3] = ["en", "uz", "zh-Hant"];
const PROPERTIES: [&str; 8] = [
    "temperature",
    "level",
    "label",
    "flag",
    "tags",
    "address",
    "since",
    "note",
];
const OTHERS: [&str; 9] = [
    "ref", "refs", "color", "raw", "category", "series", "location", "area", "inside",
];
const TEXTS: [&str; 7] = [
    "",
    "a",
    "b",
    "ab",
    "bazaar",
    "чорсу",
    "四方 \"quoted\" \\ \u{1F600}",
];

/// Makes random entities, changes, questions.
#[derive(Debug, Clone)]
pub struct RandomWorld {
    /// Where it takes chance from.
    pub random: Random,
}

impl RandomWorld {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
        }
    }

    /// One of three tenants.
    pub fn tenant(&mut self) -> Tenant {
        let name = self.random.word(&["", "", "a", "b"]);
        Tenant::new(name).unwrap_or_default()
    }

    /// One of some forty ids, some of which begin as others do.
    pub fn id(&mut self) -> Name {
        let kind = self.random.word(&["urn:t:", "urn:t:1", "urn:ngsi-ld:Ünï:"]);
        Name::from(format!("{kind}{}", self.random.below(14)))
    }

    /// A new entity.
    pub fn entity(&mut self, id: Name, now: Time) -> Entity {
        let mut entity = Entity {
            id,
            types: Vec::new(),
            scope: Vec::new(),
            created_at: now,
            modified_at: now,
            expires_at: None,
            attributes: Vec::new(),
        };
        self.retype(&mut entity);
        self.rescope(&mut entity);
        self.transient(&mut entity.expires_at, now);
        for _ in 0..self.random.below(7) {
            self.put_attribute(&mut entity, now);
        }
        entity
    }

    /// The entity after some random change at `now`; it may be that only `modifiedAt` moved.
    pub fn changed(&mut self, before: &Entity, now: Time) -> Entity {
        let mut entity = before.clone();
        entity.modified_at = now;
        for _ in 0..self.random.below(4) {
            match self.random.below(12) {
                0 => self.retype(&mut entity),
                1 => self.rescope(&mut entity),
                2 => self.transient(&mut entity.expires_at, now),
                3 if !entity.attributes.is_empty() => {
                    let place = self.random.below(entity.attributes.len());
                    entity.attributes.remove(place);
                }
                _ => self.put_attribute(&mut entity, now),
            }
        }
        entity
    }

    /// A stamped attribute with a name of the world.
    pub fn attribute(&mut self, now: Time) -> Attribute {
        let property = self.random.percent(60);
        let short = if property {
            self.random.word(&PROPERTIES)
        } else {
            self.random.word(&OTHERS)
        };
        // Now and then an attribute is of another kind than its name is wont to be.
        let like = if self.random.percent(5) {
            self.random.word(&OTHERS)
        } else {
            short
        };
        let mut attribute = Attribute::new(name(short), self.value(like));
        if self.random.percent(25) {
            attribute.dataset_id = Some(Name::from(self.random.word(&["urn:d:1", "urn:d:2"])));
        }
        if self.random.percent(40) {
            let moved = self.random.between(-5, 5) * 1_000_000;
            attribute.observed_at = Some(now.plus_micros(moved));
        }
        if self.random.percent(20) {
            attribute.unit_code = Some(Name::from(self.random.word(&["CEL", "P1"])));
        }
        if self.random.percent(5) {
            attribute.value_type = Some(name("Thing"));
        }
        if matches!(attribute.value, AttributeValue::Relationship(_)) && self.random.percent(40) {
            attribute.object_type = vec![name(self.random.word(&TYPES))];
        }
        self.transient(&mut attribute.expires_at, now);
        if self.random.percent(15) {
            let kind = self.random.word(&["level", "color", "ref"]);
            let mut sub = Attribute::new(name("detail"), self.value(kind));
            sub.observed_at = Some(now);
            attribute.sub.push(sub);
        }
        attribute.stamp(now, now);
        attribute
    }

    fn short_name(&mut self) -> &'static str {
        if self.random.percent(60) {
            self.random.word(&PROPERTIES)
        } else {
            self.random.word(&OTHERS)
        }
    }

    /// Sets an attribute; one that was there keeps its `createdAt`.
    fn put_attribute(&mut self, entity: &mut Entity, now: Time) {
        let mut new = self.attribute(now);
        let key = new.key();
        match entity.attributes.iter_mut().find(|old| old.key() == key) {
            Some(old) => {
                new.created_at = old.created_at;
                *old = new;
            }
            None => entity.attributes.push(new),
        }
    }

    fn retype(&mut self, entity: &mut Entity) {
        entity.types = vec![name(self.random.word(&TYPES))];
        if self.random.percent(20) {
            entity.types.push(name("Public"));
        }
    }

    fn rescope(&mut self, entity: &mut Entity) {
        entity.scope.clear();
        for _ in 0..self.random.below(3) {
            let scope = Name::from(self.random.word(&SCOPES));
            if !entity.scope.contains(&scope) {
                entity.scope.push(scope);
            }
        }
    }

    fn transient(&mut self, expires_at: &mut Option<Time>, now: Time) {
        let after = self.random.between(-1, 20) * 1_000_000;
        *expires_at = self.random.percent(10).then(|| now.plus_micros(after));
    }

    fn value(&mut self, like: &str) -> AttributeValue {
        match like {
            "ref" | "inside" => AttributeValue::Relationship(self.uris("urn:t:")),
            "refs" => AttributeValue::ListRelationship(
                (0..self.random.below(3)).map(|_| self.id()).collect(),
            ),
            "category" => AttributeValue::Vocab(self.uris("https://example.org/c#")),
            "color" => {
                let map = (0..=self.random.below(2)).map(|_| {
                    let text = json!(self.random.word(&TEXTS));
                    let several = self.random.percent(20);
                    let value = if several { json!([text, "b"]) } else { text };
                    ((self.random.word(&LANGUAGES)).to_owned(), value)
                });
                AttributeValue::Language(map.collect())
            }
            "raw" => AttributeValue::Json(self.json(2)),
            "series" => {
                AttributeValue::List((0..self.random.below(4)).map(|_| self.number()).collect())
            }
            "location" | "area" => AttributeValue::Geo(self.geometry()),
            property => AttributeValue::Property(self.property(property)),
        }
    }

    fn property(&mut self, like: &str) -> Value {
        match like {
            "label" => json!(self.random.word(&TEXTS)),
            "flag" => json!(self.random.percent(50)),
            "tags" => {
                let element = |random: &mut Random| {
                    if random.percent(70) {
                        json!(random.word(&TEXTS))
                    } else {
                        json!(random.between(-2, 2))
                    }
                };
                (0..self.random.below(4))
                    .map(|_| element(&mut self.random))
                    .collect()
            }
            "address" => json!({"city": self.random.word(&TEXTS), "number": self.number()}),
            "since" => {
                let time = Time::from_seconds(self.random.between(0, 4) * 86_400).to_string();
                if self.random.percent(50) {
                    json!(time)
                } else {
                    json!({"@type": "DateTime", "@value": time})
                }
            }
            "note" => match self.json(2) {
                // A property is never null.
                Value::Null => json!("x".repeat(300)),
                other => other,
            },
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Value {
        match self.random.below(20) {
            0 => json!(i64::MIN),
            1 => json!(u64::MAX),
            2 => json!(-1e300),
            3 => json!(-0.0),
            4..=8 => {
                let eighths = i32::try_from(self.random.between(-20, 20)).unwrap_or(0);
                json!(f64::from(eighths) / 8.0)
            }
            _ => json!(self.random.between(-3, 3)),
        }
    }

    fn json(&mut self, depth: usize) -> Value {
        match self.random.below(if depth == 0 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => json!(self.random.percent(50)),
            2 => self.number(),
            3 => json!(self.random.word(&TEXTS)),
            4 => (0..self.random.below(4))
                .map(|_| self.json(depth - 1))
                .collect(),
            _ => {
                let members = (0..self.random.below(4))
                    .map(|_| (format!("m{}", self.random.below(3)), self.json(depth - 1)));
                Value::Object(members.collect())
            }
        }
    }

    fn uris(&mut self, start: &str) -> Uris {
        let uri = |random: &mut Random| Name::from(format!("{start}{}", random.below(6)));
        if self.random.percent(75) {
            Uris::One(uri(&mut self.random))
        } else {
            Uris::Many(
                (0..self.random.below(3))
                    .map(|_| uri(&mut self.random))
                    .collect(),
            )
        }
    }

    /// A longitude and latitude on a coarse grid: mostly within a city, sometimes where maps are cut.
    fn place(&mut self) -> (f64, f64) {
        let step =
            |random: &mut Random| f64::from(u32::try_from(random.below(20)).unwrap_or(0)) / 100.0;
        let (lon, lat) = *self.random.pick(&[
            (69.2, 41.3),
            (69.2, 41.3),
            (69.2, 41.3),
            (179.9, -17.0),
            (-180.0, -17.0),
            (12.0, 89.8),
        ]);
        let lon: f64 = lon + step(&mut self.random);
        (lon.min(180.0), lat + step(&mut self.random))
    }

    fn geometry(&mut self) -> Geometry {
        let (lon, lat) = self.place();
        let (far, high) = ((lon + 0.07_f64).min(180.0), (lat + 0.05_f64).min(90.0));
        let geometry = match self.random.below(8) {
            0 => json!({"type": "LineString", "coordinates": [[lon, lat], [far, high]]}),
            1 => json!({"type": "MultiPoint", "coordinates": [[lon, lat], [far, high]]}),
            2 | 3 => json!({"type": "Polygon", "coordinates":
                [[[lon, lat], [far, lat], [far, high], [lon, high], [lon, lat]]]}),
            4 => json!({"type": "Point", "coordinates": [lon, lat, 350.5]}),
            _ => json!({"type": "Point", "coordinates": [lon, lat]}),
        };
        Geometry::from_geojson(&geometry).expect("the world makes valid geometries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ngsi::Delta;

    #[test]
    fn questions_have_answers_often_but_not_always() {
        let mut world = RandomWorld::new(1);
        let now = Time::from_seconds(100);
        let all: Vec<Entity> = (0..30)
            .map(|_| {
                let id = world.id();
                world.entity(id, now)
            })
            .collect();
        let answered = (0..300)
            .filter(|_| {
                let query = world.query(now);
                let found = all.iter().filter(|entity| query.matches(entity)).count();
                (1..all.len()).contains(&found)
            })
            .count();
        assert!((90..290).contains(&answered), "{answered} of 300");
    }

    #[test]
    fn a_change_is_the_delta_between_before_and_after() {
        let mut world = RandomWorld::new(2);
        let mut entity = world.entity("urn:t:1".into(), Time(0));
        for step in 1..200 {
            let after = world.changed(&entity, Time::from_seconds(step));
            Delta::between(&entity, &after).apply(&mut entity);
            let sorted = |entity: &Entity| {
                let mut entity = entity.clone();
                entity.attributes.sort_by_key(Attribute::key);
                entity
            };
            assert_eq!(sorted(&entity), sorted(&after), "step {step}");
        }
    }
}

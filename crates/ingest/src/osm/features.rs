//! What the tags of OpenStreetMap mean as entities.

use serde_json::{Value, json};

use super::Street;
use super::element::{Place, Tags};
use super::names;
use super::rings::line;
use crate::entity::Entity;
use crate::vocabulary::{Model, urn};

/// Whose data it is; the licence asks that it be said.
const PROVIDER: &str = "© OpenStreetMap contributors, ODbL 1.0";
/// Metres of the mean radius of the Earth.
const EARTH_METRES: f64 = 6_371_008.8;
const KM_PER_MILE: f64 = 1.609_344;

/// Streets and paths of today: not those planned, under construction or gone.
const STREETS: &[&str] = &[
    "motorway",
    "motorway_link",
    "trunk",
    "trunk_link",
    "primary",
    "primary_link",
    "secondary",
    "secondary_link",
    "tertiary",
    "tertiary_link",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "pedestrian",
    "track",
    "busway",
    "bus_guideway",
    "escape",
    "raceway",
    "road",
    "footway",
    "bridleway",
    "steps",
    "corridor",
    "path",
    "cycleway",
];
/// Streets that no motor vehicle may use.
const ON_FOOT: &[&str] = &[
    "pedestrian",
    "footway",
    "bridleway",
    "steps",
    "corridor",
    "path",
];
/// Keys that say what a place is for, with the values that count; none named means any.
const PLACES: &[(&str, &[&str])] = &[
    ("amenity", &[]),
    ("shop", &[]),
    ("tourism", &[]),
    ("leisure", &[]),
    ("historic", &[]),
    ("office", &[]),
    ("healthcare", &[]),
    ("craft", &[]),
    ("place", &[]),
    (
        "public_transport",
        &["station", "platform", "stop_position", "stop_area"],
    ),
    (
        "railway",
        &["station", "halt", "tram_stop", "subway_entrance"],
    ),
    ("aeroway", &["aerodrome", "terminal", "helipad"]),
    ("harbour", &[]),
    (
        "emergency",
        &[
            "fire_hydrant",
            "defibrillator",
            "assembly_point",
            "ambulance_station",
        ],
    ),
];

/// What an element is, which may be several things at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uses {
    pub(super) street: bool,
    pub(super) building: bool,
    /// The key that says what the place is for.
    pub(super) place: Option<&'static str>,
}

impl Uses {
    pub(super) fn of(tags: &Tags<'_>) -> Self {
        let is = |value: &str| !["", "no", "none"].contains(&value);
        let place = PLACES.iter().find(|(key, values)| {
            let value = tags.text(key);
            is(value) && (values.is_empty() || values.contains(&value))
        });
        Self {
            street: STREETS.contains(&tags.text("highway")),
            building: is(tags.text("building")),
            place: place.map(|(key, _)| *key),
        }
    }

    pub(super) fn any(self) -> bool {
        self.street || self.building || self.place.is_some()
    }
}

/// Where a place is.
pub(super) enum Shape {
    Point(Place),
    /// GeoJSON.
    Area(Value),
}

impl Shape {
    fn put(&self, entity: &mut Entity) {
        match self {
            Self::Point(place) => {
                let [lon, lat] = place.degrees();
                entity.place(lon, lat);
            }
            Self::Area(area) => entity.geometry("location", area),
        }
    }
}

/// Makes entities.
pub(super) struct Map<'a> {
    pub(super) feed: &'a str,
}

impl Map<'_> {
    fn entity(&self, model: Model<'static>, kind: &str, form: &str, id: i64) -> Entity {
        let urn = urn(kind, self.feed, &format!("{form}:{id}"));
        let mut entity = Entity::new(model, kind, urn);
        entity.property(
            "source",
            format!("https://www.openstreetmap.org/{form}/{id}"),
        );
        entity.property("dataProvider", PROVIDER);
        entity
    }

    /// A part of a street between two crossings, more or less.
    pub(super) fn segment(
        &self,
        id: i64,
        tags: &Tags<'_>,
        places: &[Place],
        street: Option<&Street>,
    ) -> Value {
        let mut entity = self.entity(Model::TRANSPORTATION, "RoadSegment", "way", id);
        let class = tags.text("highway");
        entity.text("name", names::name(tags));
        entity.extra("highway", class);
        if let Some(street) = street {
            entity.relationship("refRoad", &self.street_urn(street));
        }
        entity.geometry(
            "location",
            &json!({"type": "LineString", "coordinates": line(places)}),
        );
        for (term, end) in [("startPoint", places.first()), ("endPoint", places.last())] {
            if let Some(end) = end {
                let [lon, lat] = end.degrees();
                entity.geometry(term, &crate::entity::point(lon, lat));
            }
        }
        entity.measure("length", length_km(places), "KMT");
        if let Some(vehicle) = vehicle(class) {
            entity.property("allowedVehicleType", [vehicle].as_slice());
        }
        let mut category = Vec::new();
        let oneway = ["yes", "true", "1", "-1"].contains(&tags.text("oneway"));
        category.extend((oneway || class == "motorway").then_some("oneway"));
        category.extend((tags.text("toll") == "yes").then_some("toll"));
        category.extend(class.ends_with("_link").then_some("link"));
        if !category.is_empty() {
            entity.property("category", category);
        }
        if let Some(speed) = speed_kmh(tags.text("maxspeed")) {
            entity.measure("maximumAllowedSpeed", speed, "KMH");
        }
        if let Ok(lanes) = tags.text("lanes").parse::<u8>() {
            entity.property("totalLaneNumber", lanes);
        }
        if let Some(width) = metres(tags.text("width")) {
            entity.measure("width", width, "MTR");
        }
        entity.optional("roadSurface", tags.text("surface"));
        entity.into_value()
    }

    fn street_urn(&self, street: &Street) -> String {
        urn("Road", self.feed, &format!("way:{}", street.id))
    }

    /// A street as a whole.
    pub(super) fn street(&self, name: &str, street: &Street) -> Value {
        let tags = street
            .tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let tags = Tags(tags.collect());
        let mut entity = Entity::new(Model::TRANSPORTATION, "Road", self.street_urn(street));
        entity.text(
            "name",
            names::name(&tags).or_else(|| Some(crate::entity::Text::Plain(name.to_owned()))),
        );
        entity.property("dataProvider", PROVIDER);
        entity.property("roadClass", tags.text("highway"));
        let mut segments = street.segments.clone();
        segments.sort_unstable();
        segments.dedup();
        let segment = |id| urn("RoadSegment", self.feed, &format!("way:{id}"));
        entity.relationships(
            "refRoadSegment",
            segments.into_iter().map(segment).collect(),
        );
        entity.into_value()
    }

    /// What stands here: a building, a place with a use, or both.
    pub(super) fn things(
        &self,
        form: &str,
        id: i64,
        uses: Uses,
        tags: &Tags<'_>,
        shape: &Shape,
    ) -> Vec<Value> {
        let building = uses.building.then(|| self.building(form, id, tags, shape));
        let place = uses.place.map(|key| self.place(form, id, key, tags, shape));
        building.into_iter().chain(place).collect()
    }

    /// A building with its outline, or where it is if only that is drawn.
    fn building(&self, form: &str, id: i64, tags: &Tags<'_>, shape: &Shape) -> Value {
        let mut entity = self.entity(Model::BUILDING, "Building", form, id);
        entity.text("name", names::name(tags));
        shape.put(&mut entity);
        if tags.text("building") != "yes" {
            entity.property("category", [tags.text("building")].as_slice());
        }
        if let Some(address) = names::address(tags) {
            entity.property("address", address);
        }
        for (term, key) in [
            ("floorsAboveGround", "building:levels"),
            ("floorsBelowGround", "building:levels:underground"),
        ] {
            if let Ok(floors) = tags.text(key).parse::<u16>() {
                entity.property(term, floors);
            }
        }
        if let Some(height) = metres(tags.text("height")) {
            let attribute = json!({"type": "Property", "value": height, "unitCode": "MTR"});
            entity.set("height".to_owned(), attribute);
        }
        entity.into_value()
    }

    /// A place with a use.
    fn place(&self, form: &str, id: i64, key: &str, tags: &Tags<'_>, shape: &Shape) -> Value {
        let mut entity = self.entity(Model::POINT_OF_INTEREST, "PointOfInterest", form, id);
        entity.text("name", names::name(tags));
        shape.put(&mut entity);
        entity.property("category", [tags.text(key)].as_slice());
        entity.extra(key, tags.text(key));
        if let Some(address) = names::address(tags) {
            entity.property("address", address);
        }
        if let Some(contact) = names::contact(tags) {
            entity.property("contactPoint", contact);
        }
        entity.optional("openingHours", tags.text("opening_hours"));
        entity.optional("description", tags.text("description"));
        entity.into_value()
    }
}

/// What may drive on a street of this class, in the word of the Smart Data Model.
fn vehicle(class: &str) -> Option<&'static str> {
    match class {
        "cycleway" => Some("bicycle"),
        "busway" | "bus_guideway" => Some("bus"),
        _ if ON_FOOT.contains(&class) => None,
        _ => Some("anyVehicle"),
    }
}

/// A speed limit in kilometres an hour; words such as `RU:urban` give none.
fn speed_kmh(text: &str) -> Option<f64> {
    let (number, factor) = match text.strip_suffix("mph") {
        Some(miles) => (miles, KM_PER_MILE),
        None => (text.strip_suffix("km/h").unwrap_or(text), 1.0),
    };
    let number: f64 = number.trim().parse().ok()?;
    (number > 0.0 && number < 1_000.0).then(|| (number * factor * 10.0).round() / 10.0)
}

/// A size in metres.
fn metres(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('m').unwrap_or(text).trim().parse().ok()?;
    (number > 0.0 && number < 10_000.0).then_some(number)
}

/// Kilometres along a line, to the metre.
fn length_km(places: &[Place]) -> f64 {
    let metres: f64 = places
        .windows(2)
        .filter_map(|pair| Some((pair.first()?.degrees(), pair.get(1)?.degrees())))
        .map(|([lon_a, lat_a], [lon_b, lat_b])| {
            let (a, b) = (lat_a.to_radians(), lat_b.to_radians());
            let rise = ((b - a) / 2.0).sin().powi(2);
            let run = ((lon_b - lon_a).to_radians() / 2.0).sin().powi(2);
            2.0 * EARTH_METRES * (rise + a.cos() * b.cos() * run).sqrt().min(1.0).asin()
        })
        .sum();
    metres.round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_may_be_several_things() {
        let uses = Uses::of(&Tags(vec![("building", "yes"), ("amenity", "school")]));
        assert!(uses.building && !uses.street);
        assert_eq!(uses.place, Some("amenity"));
        let none = [
            ("building", "no"),
            ("highway", "proposed"),
            ("railway", "rail"),
        ];
        assert!(!Uses::of(&Tags(none.to_vec())).any());
    }

    #[test]
    fn speeds_and_sizes_are_read_with_their_units() {
        assert_eq!(speed_kmh("50"), Some(50.0));
        assert_eq!(speed_kmh("30 mph"), Some(48.3));
        for text in ["RU:urban", "", "walk", "-5", "NaN"] {
            assert_eq!(speed_kmh(text), None, "{text}");
        }
        assert_eq!(metres("3.5 m"), Some(3.5));
        assert_eq!(metres("3'6\""), None);
    }

    #[test]
    fn a_degree_along_the_equator_has_111_kilometres() {
        let line = [
            Place { lon: 0, lat: 0 },
            Place {
                lon: 10_000_000,
                lat: 0,
            },
        ];
        assert!((length_km(&line) - 111.195).abs() < 0.001);
    }
}

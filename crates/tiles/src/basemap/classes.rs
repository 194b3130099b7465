//! What the tags of OpenStreetMap mean on the map.

use ingest::osm::Tags;

/// The layers in the order in which they are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Layer {
    Landuse,
    Water,
    Building,
    Road,
    Rail,
    Boundary,
    Place,
}

impl Layer {
    pub(super) const ALL: [Self; 7] = [
        Self::Landuse,
        Self::Water,
        Self::Building,
        Self::Road,
        Self::Rail,
        Self::Boundary,
        Self::Place,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Landuse => "landuse",
            Self::Water => "water",
            Self::Building => "building",
            Self::Road => "road",
            Self::Rail => "rail",
            Self::Boundary => "boundary",
            Self::Place => "place",
        }
    }
}

/// How an element is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Class {
    pub(super) layer: Layer,
    pub(super) kind: &'static str,
    /// The first zoom that shows it.
    pub(super) zoom: u8,
    /// Lower is more important.
    pub(super) rank: u8,
}

const fn class(layer: Layer, kind: &'static str, zoom: u8, rank: u8) -> Class {
    Class {
        layer,
        kind,
        zoom,
        rank,
    }
}

/// What the coasts bound.
pub(super) const SEA: Class = class(Layer::Water, "water", 6, 0);

/// A coast, with the sea on its right.
pub(super) fn is_coast(tags: &Tags<'_>) -> bool {
    tags.get("natural") == Some("coastline")
}

/// What an area is; streets and rails that end where they begin are none.
pub(super) fn area(tags: &Tags<'_>) -> Option<Class> {
    if is_building(tags) {
        return Some(class(Layer::Building, "building", 13, 0));
    }
    if is_water(tags) {
        return Some(class(Layer::Water, "water", 6, 0));
    }
    if tags.get("highway").is_some() {
        let square = tags.get("area") == Some("yes");
        return square.then_some(class(Layer::Landuse, "square", 13, 6));
    }
    let (kind, zoom, rank) = match (tags.text("landuse"), tags.text("leisure")) {
        (
            "forest" | "grass" | "meadow" | "recreation_ground" | "village_green" | "cemetery"
            | "allotments" | "farmland" | "orchard" | "vineyard" | "greenfield",
            _,
        )
        | (_, "park" | "garden" | "nature_reserve" | "golf_course" | "dog_park") => ("green", 9, 3),
        (_, "pitch" | "stadium" | "playground" | "sports_centre" | "track") => ("pitch", 13, 5),
        ("industrial" | "railway" | "port" | "harbour" | "military" | "quarry" | "landfill", _) => {
            ("industrial", 10, 1)
        }
        ("residential", _) => ("residential", 9, 0),
        ("commercial" | "retail" | "construction" | "garages", _) => ("commercial", 11, 2),
        _ => other_ground(tags)?,
    };
    Some(class(Layer::Landuse, kind, zoom, rank))
}

fn other_ground(tags: &Tags<'_>) -> Option<(&'static str, u8, u8)> {
    match tags.text("natural") {
        "wood" | "scrub" | "heath" | "grassland" | "wetland" => return Some(("green", 9, 3)),
        "beach" | "sand" | "bare_rock" | "shingle" => return Some(("sand", 11, 4)),
        _ => {}
    }
    match tags.text("amenity") {
        "school" | "kindergarten" | "college" | "university" | "hospital" | "clinic" => {
            return Some(("civic", 12, 4));
        }
        "parking" => return Some(("square", 14, 6)),
        _ => {}
    }
    (tags.get("aeroway") == Some("aerodrome")).then_some(("industrial", 10, 1))
}

fn is_building(tags: &Tags<'_>) -> bool {
    let gone = ["no", "demolished", "collapsed", "proposed"];
    let under = tags.get("location") == Some("underground");
    tags.get("building")
        .is_some_and(|building| !gone.contains(&building))
        && !under
}

fn is_water(tags: &Tags<'_>) -> bool {
    tags.get("natural") == Some("water")
        || matches!(tags.text("waterway"), "riverbank" | "dock")
        || matches!(tags.text("landuse"), "reservoir" | "basin")
        || tags.get("amenity") == Some("fountain")
        || tags.get("leisure") == Some("swimming_pool")
}

/// What a line is.
pub(super) fn line(tags: &Tags<'_>) -> Option<Class> {
    if tags.get("area") == Some("yes") {
        return None;
    }
    road(tags).or_else(|| rail(tags)).or_else(|| stream(tags))
}

fn road(tags: &Tags<'_>) -> Option<Class> {
    let (kind, zoom, rank) = match tags.text("highway") {
        "motorway" => ("motorway", 6, 0),
        "trunk" => ("trunk", 6, 1),
        "primary" => ("primary", 8, 2),
        "motorway_link" | "trunk_link" | "primary_link" => ("link", 11, 3),
        "secondary" | "secondary_link" => ("secondary", 10, 4),
        "tertiary" | "tertiary_link" => ("tertiary", 11, 5),
        "residential" | "unclassified" | "living_street" | "road" | "busway" => ("minor", 12, 6),
        "service" => ("service", 14, 7),
        "pedestrian" => ("path", 13, 8),
        "footway" | "path" | "cycleway" | "steps" | "track" | "bridleway" => ("path", 14, 8),
        _ => match (tags.text("aeroway"), tags.text("man_made")) {
            ("runway", _) => ("runway", 10, 4),
            ("taxiway", _) => ("runway", 13, 7),
            (_, "pier") => ("pier", 13, 7),
            _ => return None,
        },
    };
    Some(class(Layer::Road, kind, zoom, rank))
}

fn rail(tags: &Tags<'_>) -> Option<Class> {
    let siding = tags.get("service").is_some();
    match tags.text("railway") {
        "rail" | "narrow_gauge" if siding => Some(class(Layer::Rail, "rail", 13, 2)),
        "rail" | "narrow_gauge" => Some(class(Layer::Rail, "rail", 9, 0)),
        "subway" | "light_rail" | "tram" | "monorail" | "funicular" => {
            Some(class(Layer::Rail, "transit", 12, 1))
        }
        _ => None,
    }
}

fn stream(tags: &Tags<'_>) -> Option<Class> {
    match tags.text("waterway") {
        "river" | "canal" => Some(class(Layer::Water, "river", 9, 1)),
        "stream" | "drain" | "ditch" => Some(class(Layer::Water, "stream", 13, 2)),
        _ => None,
    }
}

/// The line of a boundary between administrations, which may run along a road or a river.
pub(super) fn boundary(tags: &Tags<'_>) -> Option<Class> {
    if tags.get("boundary") != Some("administrative") {
        return None;
    }
    let (kind, zoom, rank) = match tags.text("admin_level").parse::<u8>().ok()? {
        0..=2 => ("country", 6, 0),
        3..=4 => ("region", 6, 1),
        5..=6 => ("district", 8, 2),
        7..=10 => ("district", 11, 3),
        _ => return None,
    };
    Some(class(Layer::Boundary, kind, zoom, rank))
}

/// What is written on the map, if it has a name.
pub(super) fn label(tags: &Tags<'_>) -> Option<Class> {
    if !NAMES.iter().any(|key| tags.get(key).is_some()) {
        return None;
    }
    let (kind, zoom, rank) = settlement(tags)
        .or_else(|| landmark(tags))
        .or_else(|| area(tags).and_then(|class| written(class, tags)))?;
    Some(class(Layer::Place, kind, zoom, rank))
}

/// Inhabited places; the larger come first.
fn settlement(tags: &Tags<'_>) -> Option<(&'static str, u8, u8)> {
    let people: String = tags
        .text("population")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let digits = u8::try_from(people.len()).unwrap_or(9).min(9);
    let (kind, zoom, rank) = match tags.text("place") {
        "city" => ("city", 6, 0),
        "town" | "borough" => ("town", 8, 10),
        "suburb" | "village" => ("suburb", 11, 20),
        "quarter" => ("suburb", 12, 25),
        "neighbourhood" | "hamlet" | "locality" | "islet" | "island" | "square"
        | "isolated_dwelling" => {
            return Some(("locality", 13, 35));
        }
        _ => return None,
    };
    Some((kind, zoom, rank + 9 - digits))
}

/// Stations, and houses that a city knows.
fn landmark(tags: &Tags<'_>) -> Option<(&'static str, u8, u8)> {
    if matches!(tags.text("railway"), "station" | "halt") {
        return Some(("station", 13, 40));
    }
    if matches!(tags.text("aeroway"), "aerodrome" | "terminal") {
        return Some(("station", 12, 39));
    }
    match (tags.text("amenity"), tags.text("tourism")) {
        ("hospital" | "university" | "townhall" | "theatre", _) | (_, "museum") => {
            Some(("civic", 14, 60))
        }
        (
            "school" | "police" | "fire_station" | "library" | "ferry_terminal" | "bus_station",
            _,
        ) => Some(("civic", 15, 65)),
        _ => None,
    }
}

/// Grounds whose name is written within them.
fn written(class: Class, tags: &Tags<'_>) -> Option<(&'static str, u8, u8)> {
    match (class.layer, class.kind) {
        (Layer::Landuse, "green") => Some(("park", 14, 55)),
        (Layer::Water, _) if tags.get("natural") == Some("water") => Some(("water", 13, 50)),
        _ => None,
    }
}

/// Keys of names, in the data as in the tiles.
pub(super) const NAMES: [&str; 4] = ["name", "name:en", "name:ru", "name:zh"];

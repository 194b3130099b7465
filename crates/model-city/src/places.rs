//! What stands on the ground: districts, parks, works, buildings, and places with a name.

use crate::chance::{Chance, count, real, reals};
use crate::ground::{Ground, Spot};
use crate::names::{self, Name};
use crate::plan::Counts;
use crate::streets::Streets;

/// A named part of the city with its outline.
#[derive(Debug, Clone)]
pub(crate) struct District {
    pub(crate) name: Name,
    pub(crate) centre: Spot,
    /// Closed.
    pub(crate) outline: Vec<Spot>,
}

/// What land is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Park,
    Works,
    /// Trees outside the streets.
    Wood,
}

/// A block of land with one use.
#[derive(Debug, Clone)]
pub(crate) struct Land {
    pub(crate) kind: Use,
    pub(crate) name: Option<Name>,
    pub(crate) outline: Vec<Spot>,
    pub(crate) centre: Spot,
}

/// A building.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Building {
    pub(crate) corners: [Spot; 4],
    pub(crate) kind: &'static str,
    pub(crate) floors: u32,
}

/// A place with a name and a use.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) name: Name,
    pub(crate) spot: Spot,
}

/// All that stands.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) districts: Vec<District>,
    pub(crate) land: Vec<Land>,
    pub(crate) buildings: Vec<Building>,
    pub(crate) hospitals: Vec<Place>,
    pub(crate) schools: Vec<Place>,
    pub(crate) museum: Place,
    pub(crate) others: Vec<Place>,
}

impl Places {
    pub(crate) fn build(
        chance: Chance,
        counts: &Counts,
        ground: &Ground,
        streets: &Streets,
    ) -> Self {
        let chance = chance.of("places");
        let districts = districts(counts, ground);
        let land = land(chance, ground, streets);
        let buildings = buildings(chance, counts, ground, streets);
        let spread = |what: &str, number: usize, all: usize| {
            let own = chance.of(what).nth(number);
            // The golden angle spreads points evenly over a disc.
            let angle = 2.399_963 * real(number) + chance.of(what).between(0.0, 6.0);
            let reach = 0.9 * ((real(number) + 0.5) / real(all)).sqrt() * ground.radius;
            let spot = Spot::new(reach * angle.cos(), reach * angle.sin());
            let node = streets.spots[streets.nearest(spot)];
            node.plus(own.at(1).between(12.0, 22.0), own.at(2).between(12.0, 22.0))
        };
        let hospitals = (0..counts.hospitals)
            .map(|number| {
                let ordinal = number + 1;
                let name = Name::new(
                    format!("City Hospital No. {ordinal}"),
                    format!("Городская больница № {ordinal}"),
                    format!("第{ordinal}市立医院"),
                );
                Place {
                    key: "amenity",
                    value: "hospital",
                    name,
                    spot: spread("hospital", number, counts.hospitals),
                }
            })
            .collect();
        let schools = (0..counts.schools)
            .map(|number| {
                let ordinal = number + 1;
                let name = Name::new(
                    format!("School No. {ordinal}"),
                    format!("Школа № {ordinal}"),
                    format!("第{ordinal}学校"),
                );
                Place {
                    key: "amenity",
                    value: "school",
                    name,
                    spot: spread("school", number, counts.schools),
                }
            })
            .collect();
        let centre =
            streets.spots[streets.nearest(Spot::new(0.08 * ground.radius, 0.1 * ground.radius))];
        let museum = Place {
            key: "tourism",
            value: "museum",
            name: Name::new("Navrud Museum", "Музей Навруда", "纳夫鲁德博物馆"),
            spot: centre.plus(20.0, 20.0),
        };
        Self {
            districts,
            land,
            buildings,
            hospitals,
            schools,
            museum,
            others: others(ground, streets),
        }
    }

    /// The district in which a spot lies, or the nearest.
    pub(crate) fn district(&self, spot: Spot) -> usize {
        let near = self.districts.iter().enumerate();
        let near = near.min_by(|a, b| a.1.centre.to(spot).total_cmp(&b.1.centre.to(spot)));
        near.map_or(0, |(number, _)| number)
    }
}

fn others(ground: &Ground, streets: &Streets) -> Vec<Place> {
    let near = |x: f64, y: f64| {
        streets.spots[streets.nearest(Spot::new(x * ground.radius, y * ground.radius))]
            .plus(15.0, 15.0)
    };
    let place = |key, value, [en, ru, zh]: [&str; 3], spot| Place {
        key,
        value,
        name: Name::new(en, ru, zh),
        spot,
    };
    let port = ground.berth(0, 1).0;
    vec![
        place(
            "amenity",
            "townhall",
            ["City Hall", "Мэрия", "市政厅"],
            near(-0.02, 0.02),
        ),
        place(
            "amenity",
            "marketplace",
            ["Grand Bazaar", "Большой базар", "大巴扎"],
            near(-0.12, 0.08),
        ),
        place(
            "amenity",
            "theatre",
            ["Opera Theatre", "Оперный театр", "歌剧院"],
            near(0.05, -0.1),
        ),
        place(
            "amenity",
            "university",
            [
                "Navrud University",
                "Наврудский университет",
                "纳夫鲁德大学",
            ],
            near(-0.2, 0.3),
        ),
        place(
            "amenity",
            "library",
            ["City Library", "Городская библиотека", "市图书馆"],
            near(0.12, 0.2),
        ),
        place(
            "leisure",
            "stadium",
            ["Humo Stadium", "Стадион «Хумо»", "胡莫体育场"],
            near(0.4, 0.35),
        ),
        place(
            "harbour",
            "yes",
            ["Bandar River Port", "Речной порт Бандар", "班达尔河港"],
            port.plus(0.0, 40.0),
        ),
    ]
}

/// The centre, and two rings of parts around it.
fn districts(counts: &Counts, ground: &Ground) -> Vec<District> {
    let inner = (counts.districts - 1) * 2 / 5;
    let outer = counts.districts - 1 - inner;
    let mut districts = Vec::new();
    let mut part = |rings: (f64, f64), angles: (f64, f64)| {
        let steps = 14;
        let at = |reach: f64, step: i32| {
            let angle = angles.0 + (angles.1 - angles.0) * f64::from(step) / f64::from(steps);
            let reach = reach * ground.radius;
            ground.bend(Spot::new(reach * angle.cos(), reach * angle.sin()))
        };
        let mut outline: Vec<Spot> = (0..=steps).map(|step| at(rings.1, step)).collect();
        if rings.0 > 0.0 {
            outline.extend((0..=steps).rev().map(|step| at(rings.0, step)));
        } else {
            // Around the whole circle the last corner is the first.
            outline.pop();
        }
        outline.push(outline[0]);
        let centre = if rings.0 > 0.0 {
            at(rings.0.midpoint(rings.1), steps / 2)
        } else {
            ground.bend(Spot::default())
        };
        let name = names::district(districts.len());
        districts.push(District {
            name,
            centre,
            outline,
        });
    };
    let turn = std::f64::consts::TAU;
    part((0.0, 0.3), (0.0, turn));
    for (rings, parts) in [((0.3, 0.62), inner), ((0.62, 1.02), outer)] {
        for number in 0..parts {
            let angle = |number: usize| turn * real(number) / real(parts) + rings.0;
            part(rings, (angle(number), angle(number + 1)));
        }
    }
    districts
}

/// The four corners of a block of the lattice, if streets reach all.
fn corners(streets: &Streets, i: i64, j: i64, step: i64) -> Option<[Spot; 4]> {
    let spot = |i, j| streets.place(i, j);
    Some([
        spot(i, j)?,
        spot(i + step, j)?,
        spot(i + step, j + step)?,
        spot(i, j + step)?,
    ])
}

fn inside(corners: &[Spot; 4], u: f64, v: f64) -> Spot {
    corners[0]
        .toward(corners[1], u)
        .toward(corners[3].toward(corners[2], u), v)
}

/// What a block is for, if not for buildings of all kinds.
fn land_use(chance: Chance, ground: &Ground, streets: &Streets, i: i64, j: i64) -> Option<Use> {
    let unit = |line: i64| reals(line.div_euclid(2) * 2 + 1) / reals(streets.half);
    let (u, v) = (unit(i), unit(j));
    let spot = ground.laid_out(u, v);
    let out = u.hypot(v);
    let harbour = ground.berth(0, 1).0.to(spot) / ground.radius;
    if harbour < 0.3 && out > 0.42
        || (out > 0.75 && chance.of("works").hills(u * 2.6, v * 2.6) > 0.42)
    {
        return Some(Use::Works);
    }
    let green = chance.of("green").hills(u * 6.5, v * 6.5);
    // Small patches and some wide ones, and the gardens around the centre.
    (green > if out < 0.35 { 0.68 } else { 0.56 }
        || (0.13..0.2).contains(&out) && u > 0.0 && v < 0.06)
        .then_some(Use::Park)
}

fn land(chance: Chance, ground: &Ground, streets: &Streets) -> Vec<Land> {
    let mut land = Vec::new();
    let mut parks = 0;
    let half = streets.half / 2;
    for i in -half..half {
        for j in -half..half {
            let Some(kind) = land_use(chance, ground, streets, i * 2, j * 2) else {
                continue;
            };
            let Some(corners) = corners(streets, i * 2, j * 2, 2) else {
                continue;
            };
            let margin = 0.07;
            let outline: Vec<Spot> = [
                (margin, margin),
                (1.0 - margin, margin),
                (1.0 - margin, 1.0 - margin),
                (margin, 1.0 - margin),
                (margin, margin),
            ]
            .into_iter()
            .map(|(u, v)| inside(&corners, u, v))
            .collect();
            if outline.iter().any(|spot| ground.is_wet(*spot, 5.0)) {
                continue;
            }
            // Neighbouring blocks are one park; the first of each patch carries the name.
            let before = [(i - 1, j), (i, j - 1), (i - 1, j + 1), (i - 1, j - 1)];
            let first = !before
                .iter()
                .any(|(i, j)| land_use(chance, ground, streets, i * 2, j * 2) == Some(Use::Park));
            let name = (kind == Use::Park && first).then(|| {
                parks += 1;
                names::park(parks)
            });
            land.push(Land {
                kind,
                name,
                centre: inside(&corners, 0.5, 0.5),
                outline,
            });
        }
    }
    land.extend((0..26).filter_map(|number| wood(chance.of("wood").nth(number), ground)));
    land
}

/// A wood of no shape in particular beyond the last street.
fn wood(own: Chance, ground: &Ground) -> Option<Land> {
    let angle = own.at(1).between(0.0, std::f64::consts::TAU);
    let (reach, size) = if own.at(2).happens(0.4) {
        (own.at(3).between(1.08, 1.12), 0.055)
    } else {
        (own.at(3).between(1.36, 1.75), 0.14)
    };
    let (reach, size) = (
        reach * ground.radius,
        size * ground.radius * own.at(4).between(0.6, 1.1),
    );
    let centre = ground.bend(Spot::new(reach * angle.cos(), reach * angle.sin()));
    let mut outline: Vec<Spot> = (0..22)
        .map(|step| {
            let turn = f64::from(step) / 22.0 * std::f64::consts::TAU;
            let edge = size * (1.0 + 0.35 * own.at(5).wave(f64::from(step) / 2.75));
            centre.plus(edge * turn.cos(), edge * turn.sin())
        })
        .collect();
    outline.push(outline[0]);
    let dry = outline.iter().all(|spot| !ground.is_wet(*spot, 10.0));
    dry.then_some(Land {
        kind: Use::Wood,
        name: None,
        outline,
        centre,
    })
}

/// Buildings along the lanes of every block; as many as the plan says, more or less.
fn buildings(chance: Chance, counts: &Counts, ground: &Ground, streets: &Streets) -> Vec<Building> {
    let lots = chance.of("buildings");
    let mut cells = Vec::new();
    for i in -streets.half..streets.half {
        for j in -streets.half..streets.half {
            let diagonal = i == j || i == -j - 1;
            if let Some(corners) = corners(streets, i, j, 1).filter(|_| !diagonal)
                && land_use(chance, ground, streets, i, j) != Some(Use::Park)
            {
                cells.push((i, j, corners));
            }
        }
    }
    let each = real(counts.buildings) / real(cells.len().max(1));
    let mut buildings = Vec::new();
    for (number, (i, j, corners)) in cells.iter().enumerate() {
        let own = lots.nth(number);
        let works = land_use(chance, ground, streets, *i, *j) == Some(Use::Works);
        let h = reals(streets.half);
        let out = (reals(*i) / h).hypot(reals(*j) / h);
        let wanted = if works {
            each * 0.5
        } else {
            each * (0.75 + 0.4 * out)
        };
        let wanted = count((wanted + own.at(1).unit() - 0.5).max(0.0)).min(6);
        for place in 0..wanted {
            let building = building(own.at(2).nth(place), corners, (place, wanted), works, out);
            let dry = building
                .corners
                .iter()
                .all(|spot| !ground.is_wet(*spot, 8.0));
            if dry && buildings.len() < crate::plan::BUILDINGS_MAX {
                buildings.push(building);
            }
        }
    }
    buildings
}

fn building(
    own: Chance,
    corners: &[Spot; 4],
    (place, all): (usize, usize),
    works: bool,
    out: f64,
) -> Building {
    let columns = if all > 4 { 3 } else { all.clamp(1, 2) };
    let rows = all.div_ceil(columns);
    let (column, row) = (real(place % columns), real(place / columns));
    let (u, v) = ((column + 0.5) / real(columns), (row + 0.5) / real(rows));
    // Streets keep a margin on each side of the cell.
    let (u, v) = (0.16 + 0.68 * u, 0.16 + 0.68 * v);
    let centre = inside(corners, u, v);
    let side = |a: Spot, b: Spot, parts: usize| a.to(b) * 0.68 / real(parts);
    let most = if works { 70.0 } else { 46.0 };
    let wide = (side(corners[0], corners[1], columns) * own.at(1).between(0.55, 0.86)).min(most);
    let deep = (side(corners[0], corners[3], rows) * own.at(2).between(0.4, 0.8)).min(most * 0.6);
    let bearing = (corners[1].y - corners[0].y).atan2(corners[1].x - corners[0].x);
    let (sin, cos) = bearing.sin_cos();
    let corner = |x: f64, y: f64| {
        let (x, y) = (x * wide / 2.0, y * deep / 2.0);
        centre.plus(x * cos - y * sin, x * sin + y * cos)
    };
    let large = wide * deep > 420.0;
    let tall = ((1.25 - out).max(0.15) * 12.0 * own.at(3).between(0.4, 1.2)).max(1.0);
    let (kind, floors) = match own.at(4).unit() {
        _ if works => ("industrial", own.at(5).between(1.0, 3.4)),
        chance if large && out < 0.45 && chance < 0.3 => ("office", tall),
        chance if large && chance < 0.1 => ("retail", own.at(5).between(1.0, 3.4)),
        _ if large => ("apartments", tall),
        _ => ("house", own.at(5).between(1.0, 2.6)),
    };
    let floors = u32::try_from(count(floors).clamp(1, 16)).unwrap_or(1);
    Building {
        corners: [
            corner(-1.0, -1.0),
            corner(1.0, -1.0),
            corner(1.0, 1.0),
            corner(-1.0, 1.0),
        ],
        kind,
        floors,
    }
}

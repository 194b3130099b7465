//! The map of the city as OSM XML.

use std::io::{self, Write};

use crate::ground::Spot;
use crate::model::Model;
use crate::names::{self, Name};
use crate::places::Use;

/// Writes elements with numbers that count up: nodes, ways and relations each have their own.
struct Pen<'a> {
    out: &'a mut dyn Write,
    nodes: i64,
    ways: i64,
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(char),
        }
    }
    out
}

/// The tags of a name in all its languages.
fn named(name: &Name) -> Vec<(&'static str, String)> {
    vec![
        ("name", name.en.clone()),
        ("name:en", name.en.clone()),
        ("name:ru", name.ru.clone()),
        ("name:zh", name.zh.clone()),
    ]
}

fn tag(key: &'static str, value: impl Into<String>) -> (&'static str, String) {
    (key, value.into())
}

impl Pen<'_> {
    fn tags(&mut self, tags: &[(&str, String)]) -> io::Result<()> {
        for (key, value) in tags {
            writeln!(self.out, "  <tag k=\"{key}\" v=\"{}\"/>", escaped(value))?;
        }
        Ok(())
    }

    fn node(&mut self, spot: Spot, tags: &[(&str, String)]) -> io::Result<i64> {
        self.nodes += 1;
        let id = self.nodes;
        let [lon, lat] = spot.degrees();
        if tags.is_empty() {
            writeln!(
                self.out,
                " <node id=\"{id}\" lat=\"{lat:.7}\" lon=\"{lon:.7}\"/>"
            )?;
        } else {
            writeln!(
                self.out,
                " <node id=\"{id}\" lat=\"{lat:.7}\" lon=\"{lon:.7}\">"
            )?;
            self.tags(tags)?;
            writeln!(self.out, " </node>")?;
        }
        Ok(id)
    }

    fn way(&mut self, refs: &[i64], tags: &[(&str, String)]) -> io::Result<()> {
        self.ways += 1;
        writeln!(self.out, " <way id=\"{}\">", self.ways)?;
        for node in refs {
            writeln!(self.out, "  <nd ref=\"{node}\"/>")?;
        }
        self.tags(tags)?;
        writeln!(self.out, " </way>")
    }

    /// Nodes of a line; a closed line ends with its first node.
    fn line(&mut self, spots: &[Spot]) -> io::Result<Vec<i64>> {
        let closed = spots.len() > 3 && spots.first() == spots.last();
        let own = if closed { spots.len() - 1 } else { spots.len() };
        let mut refs = Vec::with_capacity(spots.len());
        for spot in &spots[..own] {
            refs.push(self.node(*spot, &[])?);
        }
        if closed {
            refs.extend(refs.first().copied());
        }
        Ok(refs)
    }
}

/// A way that is to be written once all nodes are.
type Waiting = (Vec<i64>, Vec<(&'static str, String)>);

pub(crate) fn write(city: &Model, out: &mut dyn Write) -> io::Result<()> {
    let mut pen = Pen {
        out,
        nodes: 0,
        ways: 0,
    };
    let [west, south, east, north] = city.ground.bounds();
    writeln!(pen.out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        pen.out,
        "<osm version=\"0.6\" generator=\"Chorsu model city: simulated, no place on Earth\">"
    )?;
    writeln!(
        pen.out,
        " <bounds minlat=\"{south:.7}\" minlon=\"{west:.7}\" maxlat=\"{north:.7}\" maxlon=\"{east:.7}\"/>"
    )?;
    // The nodes of streets come first: their numbers are those of the graph and one more.
    for spot in &city.streets.spots {
        pen.node(*spot, &[])?;
    }
    let mut waiting: Vec<Waiting> = Vec::new();
    streets(city, &mut waiting);
    water(city, &mut pen, &mut waiting)?;
    land(city, &mut pen, &mut waiting)?;
    rails(city, &mut pen, &mut waiting)?;
    places(city, &mut pen)?;
    for building in &city.places.buildings {
        let [a, b, c, d] = building.corners;
        let refs = pen.line(&[a, b, c, d, a])?;
        let tags = vec![
            tag("building", building.kind),
            tag("building:levels", building.floors.to_string()),
        ];
        waiting.push((refs, tags));
    }
    for (refs, tags) in waiting {
        pen.way(&refs, &tags)?;
    }
    writeln!(pen.out, "</osm>")
}

/// Streets are the first ways: the number of a way is its place in the list and one more.
fn streets(city: &Model, waiting: &mut Vec<Waiting>) {
    for way in &city.streets.ways {
        let refs = way
            .nodes
            .iter()
            .filter_map(|node| i64::try_from(node + 1).ok());
        let mut tags = vec![tag("highway", way.class.tag())];
        tags.extend(named(&city.streets.names[way.street]));
        tags.push(tag("maxspeed", format!("{}", way.class.speed())));
        tags.push(tag("lanes", way.class.lanes().to_string()));
        tags.push(tag("surface", "asphalt"));
        if way.bridge {
            tags.extend([tag("bridge", "yes"), tag("layer", "1")]);
        }
        waiting.push((refs.collect(), tags));
    }
}

fn water(city: &Model, pen: &mut Pen<'_>, waiting: &mut Vec<Waiting>) -> io::Result<()> {
    let mut tags = vec![tag("natural", "water"), tag("water", "river")];
    tags.extend(named(&names::river()));
    waiting.push((pen.line(&city.ground.river_area())?, tags));
    let tags = vec![tag("natural", "water"), tag("water", "basin")];
    waiting.push((pen.line(&city.ground.basin_area())?, tags));
    let mut tags = vec![tag("waterway", "river")];
    tags.extend(named(&names::river()));
    waiting.push((pen.line(&city.ground.river_line())?, tags));
    Ok(())
}

fn land(city: &Model, pen: &mut Pen<'_>, waiting: &mut Vec<Waiting>) -> io::Result<()> {
    for land in &city.places.land {
        let mut tags = vec![match land.kind {
            Use::Park => tag("leisure", "park"),
            Use::Works => tag("landuse", "industrial"),
            Use::Wood => tag("natural", "wood"),
        }];
        tags.extend(land.name.iter().flat_map(named));
        waiting.push((pen.line(&land.outline)?, tags));
    }
    for district in &city.places.districts {
        let tags = vec![tag("landuse", "residential")];
        waiting.push((pen.line(&district.outline)?, tags));
    }
    Ok(())
}

fn rails(city: &Model, pen: &mut Pen<'_>, waiting: &mut Vec<Waiting>) -> io::Result<()> {
    waiting.push((
        pen.line(&city.railway.0)?,
        vec![tag("railway", "rail"), tag("gauge", "1520")],
    ));
    let mut tags = vec![
        tag("railway", "station"),
        tag("public_transport", "station"),
    ];
    tags.extend(named(&Name::new(
        "Navrud Central",
        "Навруд-Главный",
        "纳夫鲁德中央站",
    )));
    pen.node(city.railway.1, &tags)?;
    for line in city.lines.iter().filter(|line| line.metro) {
        let mut tags = vec![
            tag("railway", "subway"),
            tag("tunnel", "yes"),
            tag("layer", "-2"),
            tag("ref", &line.id),
        ];
        tags.extend(named(&line.name));
        waiting.push((pen.line(&line.path)?, tags));
        for stop in &line.stops {
            let mut tags = vec![
                tag("railway", "station"),
                tag("station", "subway"),
                tag("public_transport", "station"),
            ];
            tags.extend(named(&stop.name));
            pen.node(stop.spot, &tags)?;
        }
    }
    Ok(())
}

fn places(city: &Model, pen: &mut Pen<'_>) -> io::Result<()> {
    let population = city.counts.inhabitants;
    let mut tags = vec![
        tag(
            "place",
            if population < 50_000.0 {
                "town"
            } else {
                "city"
            },
        ),
        tag("population", format!("{population}")),
        tag("description", "A simulated city"),
    ];
    tags.extend(named(&names::city()));
    pen.node(Spot::default(), &tags)?;
    for district in &city.places.districts {
        let mut tags = vec![tag("place", "suburb")];
        tags.extend(named(&district.name));
        pen.node(district.centre, &tags)?;
    }
    let places = &city.places;
    let all = places
        .hospitals
        .iter()
        .chain(&places.schools)
        .chain(&places.others);
    for place in all.chain([&places.museum]) {
        let mut tags = vec![tag(place.key, place.value)];
        tags.extend(named(&place.name));
        pen.node(place.spot, &tags)?;
    }
    Ok(())
}

//! The shapes of an extract as they are drawn on a map: tags and places, no entities.

use std::collections::{HashMap, HashSet};

use super::element::{Element, Place, Tags, Wanted};
use super::{Area, File, MEMBERS_MAX, Nodes, form, owned, rings};
use crate::error::ImportError;
use crate::out::{Out, Progress, Refused, Sink};
use crate::source::Source;

/// What kind of element a shape comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A node.
    Node,
    /// A way.
    Way,
    /// A relation of type `multipolygon`.
    Relation,
}

/// Where an element is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outline {
    /// A node.
    Point(Place),
    /// A way: those of its nodes that the file has, at least two.
    Line {
        /// The places in order.
        places: Vec<Place>,
        /// It ends where it begins and is whole: it may be meant as an area.
        closed: bool,
    },
    /// A relation: polygons, each a shell and its holes, all closed.
    Area(Vec<Vec<Vec<Place>>>),
}

/// An element with its places.
#[derive(Debug)]
pub struct Drawn<'a> {
    /// Its number, unique among those of its origin.
    pub id: i64,
    /// What it comes from.
    pub origin: Origin,
    /// Its tags.
    pub tags: &'a Tags<'a>,
    /// Where it is.
    pub outline: Outline,
}

/// What is known of the shapes before their places are.
#[derive(Default)]
struct Sketch {
    nodes: Nodes,
    areas: Vec<Area>,
    members: HashMap<i64, Vec<i64>>,
}

/// Gives the shapes of those elements that are `wanted`, nodes first, then ways, then relations,
/// each in the order of the file. Parts that the file lacks are said as complaints to `progress`.
///
/// The file is passed over four times; memory holds the places of the nodes that are needed.
pub fn shapes(
    source: &Source,
    wanted: &dyn Fn(Origin, &Tags<'_>) -> bool,
    each: &mut dyn FnMut(Drawn<'_>),
    progress: &mut dyn Progress,
) -> Result<(), ImportError> {
    let mut nowhere = Nowhere;
    let out = &mut Out::new(&mut nowhere, progress, 1);
    let mut file = File {
        source,
        name: source.name(),
        form: form(source)?,
        passed: 0,
    };
    let mut sketch = survey(&mut file, wanted, out)?;
    super::members(&mut file, &mut sketch.members, &mut sketch.nodes, out)?;
    sketch.nodes.settle();
    nodes(&mut file, &mut sketch, wanted, each, out)?;
    ways(&mut file, &sketch, wanted, each, out)?;
    for area in &sketch.areas {
        relation(area, &sketch, each, &file.name, out);
    }
    Ok(())
}

/// Shapes are no entities: nothing comes here.
struct Nowhere;

impl Sink for Nowhere {
    fn entities(&mut self, _batch: Vec<serde_json::Value>) -> Result<(), Refused> {
        Ok(())
    }
    fn history(&mut self, _batch: Vec<serde_json::Value>) -> Result<(), Refused> {
        Ok(())
    }
}

fn survey(
    file: &mut File<'_>,
    wanted: &dyn Fn(Origin, &Tags<'_>) -> bool,
    out: &mut Out<'_>,
) -> Result<Sketch, ImportError> {
    let mut sketch = Sketch::default();
    let name = file.name.clone();
    let mut seen = HashSet::new();
    let all = Wanted {
        nodes: false,
        ways: true,
        relations: true,
    };
    file.pass(all, out, &mut |element, out| {
        match element {
            Element::Way { refs, tags, .. } if wanted(Origin::Way, &tags) => {
                sketch.nodes.need(refs, &name)?;
            }
            Element::Relation { id, members, tags }
                if tags.get("type") == Some("multipolygon")
                    && wanted(Origin::Relation, &tags)
                    && seen.insert(id) =>
            {
                if members.len() > MEMBERS_MAX {
                    let reason = format!("relation {id} has too many members; left out");
                    out.complain(&name, None, reason);
                    return Ok(());
                }
                let ways = members.iter().filter_map(|member| member.way);
                sketch.members.extend(ways.map(|way| (way, Vec::new())));
                sketch.areas.push(Area {
                    id,
                    members: members.to_vec(),
                    tags: owned(&tags),
                });
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(sketch)
}

fn nodes(
    file: &mut File<'_>,
    sketch: &mut Sketch,
    wanted: &dyn Fn(Origin, &Tags<'_>) -> bool,
    each: &mut dyn FnMut(Drawn<'_>),
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let only = Wanted {
        nodes: true,
        ways: false,
        relations: false,
    };
    let mut seen = HashSet::new();
    file.pass(only, out, &mut |element, _out| {
        if let Element::Node { id, place, tags } = element {
            sketch.nodes.put(id, place);
            if !tags.0.is_empty() && wanted(Origin::Node, &tags) && seen.insert(id) {
                each(Drawn {
                    id,
                    origin: Origin::Node,
                    tags: &tags,
                    outline: Outline::Point(place),
                });
            }
        }
        Ok(())
    })
}

fn ways(
    file: &mut File<'_>,
    sketch: &Sketch,
    wanted: &dyn Fn(Origin, &Tags<'_>) -> bool,
    each: &mut dyn FnMut(Drawn<'_>),
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let only = Wanted {
        nodes: false,
        ways: true,
        relations: false,
    };
    let name = file.name.clone();
    let mut seen = HashSet::new();
    file.pass(only, out, &mut |element, out| {
        let Element::Way { id, refs, tags } = element else {
            return Ok(());
        };
        if !wanted(Origin::Way, &tags) || !seen.insert(id) {
            return Ok(());
        }
        let places = sketch.nodes.line(refs);
        let whole = places.len() == refs.len();
        if !whole {
            let reason = format!("way {id}: some of its nodes are not in the file");
            out.complain(&name, None, reason);
        }
        if places.len() > 1 {
            let closed = whole && refs.len() > 3 && refs.first() == refs.last();
            each(Drawn {
                id,
                origin: Origin::Way,
                tags: &tags,
                outline: Outline::Line { places, closed },
            });
        }
        Ok(())
    })
}

/// Gives an area with those of its rings that close: at the edge of an extract the others do not.
fn relation(
    area: &Area,
    sketch: &Sketch,
    each: &mut dyn FnMut(Drawn<'_>),
    file: &str,
    out: &mut Out<'_>,
) {
    let mut whole = true;
    let mut rings = |inner: bool| -> Vec<Vec<Place>> {
        let ways = area.members.iter().filter(|member| member.inner == inner);
        let pieces = ways.filter_map(|member| sketch.members.get(&member.way?).cloned());
        let (rings, all) = rings::closed(pieces.collect());
        let placed: Vec<_> = rings
            .iter()
            .filter_map(|ring| sketch.nodes.ring(ring))
            .collect();
        whole &= all && placed.len() == rings.len();
        placed
    };
    let (outer, inner) = (rings(false), rings(true));
    let polygons = rings::polygons(outer, inner);
    if !whole || polygons.is_empty() {
        let reason = format!("relation {}: its outline is not whole", area.id);
        out.complain(file, None, reason);
    }
    if polygons.is_empty() {
        return;
    }
    let tags = area.tags.iter();
    let tags = Tags(
        tags.map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
    );
    each(Drawn {
        id: area.id,
        origin: Origin::Relation,
        tags: &tags,
        outline: Outline::Area(polygons),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out::{Complaint, Quiet};

    const TOWN: &str = r#"<osm>
     <node id="1" lat="0" lon="0"/><node id="2" lat="0" lon="3"/><node id="3" lat="3" lon="3"/>
     <node id="4" lat="3" lon="0"/><node id="5" lat="1" lon="1"><tag k="place" v="town"/></node>
     <node id="6" lat="1" lon="2"/><node id="7" lat="2" lon="2"/>
     <way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/></way>
     <way id="11"><nd ref="3"/><nd ref="4"/><nd ref="1"/></way>
     <way id="12"><nd ref="5"/><nd ref="6"/><nd ref="7"/><nd ref="5"/><tag k="building" v="yes"/></way>
     <way id="13"><nd ref="1"/><nd ref="99"/><nd ref="2"/><nd ref="1"/><tag k="highway" v="path"/></way>
     <way id="14"><nd ref="1"/><nd ref="2"/><tag k="power" v="line"/></way>
     <relation id="20"><member type="way" ref="10" role="outer"/><member type="way" ref="11" role="outer"/>
      <member type="way" ref="12" role="inner"/><tag k="type" v="multipolygon"/><tag k="natural" v="water"/></relation>
     <relation id="21"><member type="way" ref="10" role="outer"/><tag k="type" v="multipolygon"/>
      <tag k="natural" v="wood"/></relation>
    </osm>"#;

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Progress for Heard {
        fn at(&mut self, _stage: &str, _done: u64, _total: u64) {}
        fn complaint(&mut self, complaint: &Complaint) {
            self.0.push(complaint.reason.clone());
        }
    }

    #[test]
    fn shapes_come_with_their_tags_and_what_lacks_parts_is_said() {
        let source = Source::bytes("town.osm", TOWN.as_bytes().to_vec());
        let wanted = |_origin, tags: &Tags<'_>| tags.get("power").is_none() && !tags.0.is_empty();
        let (mut seen, mut heard) = (Vec::new(), Heard::default());
        let mut each = |drawn: Drawn<'_>| {
            let what = match &drawn.outline {
                Outline::Point(place) => format!("{:?}", place.degrees()),
                Outline::Line { places, closed } => format!("{} {closed}", places.len()),
                Outline::Area(polygons) => {
                    let rings = polygons.iter().flatten().map(Vec::len);
                    format!("{} {:?}", polygons.len(), rings.collect::<Vec<_>>())
                }
            };
            seen.push(format!("{:?} {} {what}", drawn.origin, drawn.id));
        };
        shapes(&source, &wanted, &mut each, &mut heard).unwrap();
        let expected = [
            "Node 5 [1.0, 1.0]",
            "Way 12 4 true",
            "Way 13 3 false",
            "Relation 20 1 [5, 4]",
        ];
        assert_eq!(seen, expected);
        let expected = [
            "way 13: some of its nodes are not in the file",
            "relation 21: its outline is not whole",
        ];
        assert_eq!(heard.0, expected);
    }

    #[test]
    fn nothing_comes_of_a_broken_file() {
        let source = Source::bytes("town.osm", b"<osm><node id='1'".to_vec());
        let mut each = |drawn: Drawn<'_>| panic!("{drawn:?}");
        let error = shapes(&source, &|_, _| true, &mut each, &mut Quiet).unwrap_err();
        assert_eq!(error.kind(), base::Kind::Invalid);
    }
}

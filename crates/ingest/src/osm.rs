//! OpenStreetMap: streets, buildings and places, with their names in languages.
//!
//! A highway becomes a `RoadSegment` of a `Road` that all segments of one name share, a building a
//! `Building` with its outline, what has a use a `PointOfInterest`. Ids carry the numbers of
//! OpenStreetMap, so any extract that holds an object updates the same entity. The file is passed
//! over several times and never held: memory has the places of the nodes that are needed, nothing
//! else of the nodes.

mod element;
mod features;
mod names;
mod pbf;
mod rings;
mod shapes;
mod xml;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read as _;

use serde_json::Value;

use crate::error::ImportError;
use crate::out::Out;
use crate::source::Source;
use element::{Element, Member, Wanted};
use features::{Map, Shape, Uses};

pub use element::{Place, Tags};
pub use shapes::{Drawn, Origin, Outline, shapes};

/// What ids carry: the numbers of OpenStreetMap are the same in every extract.
pub(crate) const FEED: &str = "osm";
/// Nodes whose places are held: 8 GB at most, the roads and buildings of a large country.
const NODES_MAX: usize = 500_000_000;
/// Ways of one area: a coastline has some ten thousand.
const MEMBERS_MAX: usize = 100_000;

/// The two file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Pbf,
    Xml,
}

/// A relation that is an area.
struct Area {
    id: i64,
    members: Vec<Member>,
    tags: Vec<(String, String)>,
}

/// A street: all segments of one name.
pub(super) struct Street {
    /// The lowest number of its ways stands for it.
    pub(super) id: i64,
    pub(super) segments: Vec<i64>,
    pub(super) tags: Vec<(String, String)>,
}

/// What the first pass found.
#[derive(Default)]
struct Survey {
    nodes: Nodes,
    streets: BTreeMap<String, Street>,
    areas: Vec<Area>,
    members: HashMap<i64, Vec<i64>>,
}

/// The places of the nodes that are needed.
#[derive(Default)]
struct Nodes {
    ids: Vec<i64>,
    sorted: usize,
    places: Vec<Option<Place>>,
}

impl Nodes {
    fn need(&mut self, refs: &[i64], file: &str) -> Result<(), ImportError> {
        self.ids.extend_from_slice(refs);
        if self.ids.len() > 2 * self.sorted + 1_000_000 {
            self.sort();
        }
        if self.sorted > NODES_MAX {
            return Err(ImportError::too_large(
                file,
                "more than 500 million nodes are needed",
            ));
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.sorted = self.ids.len();
    }

    /// Ends the list of what is needed and makes room for the places.
    fn settle(&mut self) {
        self.sort();
        self.places = vec![None; self.ids.len()];
    }

    fn put(&mut self, id: i64, place: Place) {
        if let Ok(index) = self.ids.binary_search(&id)
            && let Some(slot) = self.places.get_mut(index)
        {
            *slot = Some(place);
        }
    }

    fn get(&self, id: i64) -> Option<Place> {
        let index = self.ids.binary_search(&id).ok()?;
        self.places.get(index).copied().flatten()
    }

    /// The places of those nodes that the file has.
    fn line(&self, refs: &[i64]) -> Vec<Place> {
        refs.iter().filter_map(|id| self.get(*id)).collect()
    }

    /// The places of all the nodes, or nothing.
    fn ring(&self, refs: &[i64]) -> Option<Vec<Place>> {
        refs.iter().map(|id| self.get(*id)).collect()
    }
}

/// A file that is passed over.
struct File<'s> {
    source: &'s Source,
    name: String,
    form: Form,
    passed: u64,
}

/// Passes that are made over a file.
const PASSES: u64 = 4;

impl File<'_> {
    fn pass(
        &mut self,
        wanted: Wanted,
        out: &mut Out<'_>,
        each: &mut dyn FnMut(Element<'_>, &mut Out<'_>) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let stream = self.source.stream()?;
        let (done, total) = (stream.done(), stream.total);
        let (name, before) = (self.name.clone(), self.passed * total);
        let mut count = 0_u32;
        let mut watched = |element: Element<'_>, out: &mut Out<'_>| {
            count = count.wrapping_add(1);
            if count.is_multiple_of(8_192) {
                out.at(&name, before + done.get(), PASSES * total);
            }
            each(element, out)
        };
        match self.form {
            Form::Pbf => pbf::pass(stream, &self.name, wanted, out, &mut watched)?,
            Form::Xml => xml::pass(stream, &self.name, wanted, out, &mut watched)?,
        }
        self.passed += 1;
        out.at(&self.name, self.passed * total, PASSES * total);
        Ok(())
    }
}

/// Imports an extract.
pub(crate) fn import(source: &Source, feed: &str, out: &mut Out<'_>) -> Result<(), ImportError> {
    let form = form(source)?;
    let mut file = File {
        source,
        name: source.name(),
        form,
        passed: 0,
    };
    let mut survey = survey(&mut file, out)?;
    members(&mut file, &mut survey.members, &mut survey.nodes, out)?;
    survey.nodes.settle();
    let map = Map { feed };
    nodes(&mut file, &mut survey, &map, out)?;
    ways(&mut file, &survey, &map, out)?;
    for area in &survey.areas {
        relation(area, &survey, &map, &file.name, out)?;
    }
    for (name, street) in &survey.streets {
        out.entity(&file.name, map.street(name, street))?;
    }
    Ok(())
}

fn form(source: &Source) -> Result<Form, ImportError> {
    let mut head = Vec::new();
    let name = source.name();
    let read = source.stream()?.take(64).read_to_end(&mut head);
    read.map_err(|reason| ImportError::broken(&name, &reason))?;
    if pbf::is_pbf(&head) {
        return Ok(Form::Pbf);
    }
    let text = head
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(&head)
        .trim_ascii_start();
    if text.first() == Some(&b'<') {
        return Ok(Form::Xml);
    }
    Err(ImportError::broken(
        &name,
        &"this is neither OSM PBF nor OSM XML",
    ))
}

/// Finds what will be needed; meets every block, so that a broken file is known before anything
/// is handed on.
fn survey(file: &mut File<'_>, out: &mut Out<'_>) -> Result<Survey, ImportError> {
    let mut survey = Survey::default();
    let name = file.name.clone();
    let (mut seen, mut streets) = (HashSet::new(), HashSet::new());
    let all = Wanted {
        nodes: true,
        ways: true,
        relations: true,
    };
    file.pass(all, out, &mut |element, out| {
        match element {
            Element::Node { .. } => out.row(),
            Element::Way { id, refs, tags } => {
                out.row();
                let uses = Uses::of(&tags);
                if uses.any() {
                    survey.nodes.need(refs, &name)?;
                }
                // Of a way that comes twice the first counts, here and when it is handed on.
                if uses.street && streets.insert(id) {
                    survey.street(id, &tags);
                }
            }
            Element::Relation { id, members, tags } => {
                out.row();
                if !seen.insert(id) {
                    return Ok(());
                }
                let area = tags.get("type") == Some("multipolygon");
                let uses = Uses::of(&tags);
                if !area || !(uses.building || uses.place.is_some()) {
                    return Ok(());
                }
                if members.len() > MEMBERS_MAX {
                    let reason =
                        format!("relation {id} has more than {MEMBERS_MAX} members; left out");
                    out.complain(&name, None, reason);
                    return Ok(());
                }
                let tags = owned(&tags);
                survey
                    .members
                    .extend(members.iter().filter_map(|m| Some((m.way?, Vec::new()))));
                survey.areas.push(Area {
                    id,
                    members: members.to_vec(),
                    tags,
                });
            }
        }
        Ok(())
    })?;
    Ok(survey)
}

fn owned(tags: &Tags<'_>) -> Vec<(String, String)> {
    tags.0
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

impl Survey {
    /// Limit: two streets of one name in different parts of an extract count as one.
    fn street(&mut self, id: i64, tags: &Tags<'_>) {
        let Some(name) = tags.get("name").filter(|name| !name.is_empty()) else {
            return;
        };
        if let Some(street) = self.streets.get_mut(name) {
            street.id = street.id.min(id);
            street.segments.push(id);
            return;
        }
        let street = Street {
            id,
            segments: vec![id],
            tags: owned(tags),
        };
        self.streets.insert(name.to_owned(), street);
    }
}

/// Learns the nodes of the ways that areas are made of.
fn members(
    file: &mut File<'_>,
    members: &mut HashMap<i64, Vec<i64>>,
    needed: &mut Nodes,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let ways = Wanted {
        nodes: false,
        ways: true,
        relations: false,
    };
    let name = file.name.clone();
    file.pass(ways, out, &mut |element, _out| {
        if let Element::Way { id, refs, .. } = element
            && let Some(slot) = members.get_mut(&id)
        {
            *slot = refs.to_vec();
            needed.need(refs, &name)?;
        }
        Ok(())
    })
}

/// Learns where nodes are, and hands on those that are places themselves.
fn nodes(
    file: &mut File<'_>,
    survey: &mut Survey,
    map: &Map<'_>,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let wanted = Wanted {
        nodes: true,
        ways: false,
        relations: false,
    };
    let name = file.name.clone();
    let mut seen = HashSet::new();
    file.pass(wanted, out, &mut |element, out| {
        let Element::Node { id, place, tags } = element else {
            return Ok(());
        };
        survey.nodes.put(id, place);
        let uses = Uses::of(&tags);
        if (!uses.building && uses.place.is_none()) || !seen.insert(id) {
            return Ok(());
        }
        hand_on(
            map.things("node", id, uses, &tags, &Shape::Point(place)),
            &name,
            out,
        )
    })
}

fn hand_on(entities: Vec<Value>, file: &str, out: &mut Out<'_>) -> Result<(), ImportError> {
    entities
        .into_iter()
        .try_for_each(|entity| Ok(out.entity(file, entity)?))
}

/// Hands on streets, buildings and places that are ways.
fn ways(
    file: &mut File<'_>,
    survey: &Survey,
    map: &Map<'_>,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let wanted = Wanted {
        nodes: false,
        ways: true,
        relations: false,
    };
    let name = file.name.clone();
    let mut seen = HashSet::new();
    file.pass(wanted, out, &mut |element, out| {
        let Element::Way { id, refs, tags } = element else {
            return Ok(());
        };
        let mut uses = Uses::of(&tags);
        if !uses.any() || !seen.insert(id) {
            return Ok(());
        }
        let mut complain = |reason: &str| out.complain(&name, None, format!("way {id}: {reason}"));
        let line = survey.nodes.line(refs);
        if line.len() < refs.len() && uses.street {
            let missing = refs.len() - line.len();
            complain(&format!(
                "{missing} of its nodes are not in the file; taken without them"
            ));
        }
        if uses.street {
            if line.len() < 2 {
                complain("less than two of its nodes are in the file; left out");
            } else {
                let street = tags.get("name").and_then(|name| survey.streets.get(name));
                out.entity(&name, map.segment(id, &tags, &line, street))?;
            }
        }
        if !uses.building && uses.place.is_none() {
            return Ok(());
        }
        let closed = refs.len() > 3 && refs.first() == refs.last();
        let area = survey.nodes.ring(refs).filter(|_| closed);
        let area = area.and_then(|ring| rings::area(vec![ring], Vec::new()));
        if uses.building && area.is_none() {
            let reason = "a building whose outline is not closed or not whole; left out";
            out.complain(&name, None, format!("way {id}: {reason}"));
            uses.building = false;
        }
        let middle = line.get(line.len() / 2).copied();
        let Some(shape) = area.map(Shape::Area).or(middle.map(Shape::Point)) else {
            return Ok(());
        };
        hand_on(map.things("way", id, uses, &tags, &shape), &name, out)
    })
}

/// Hands on a building or place that is a relation.
fn relation(
    area: &Area,
    survey: &Survey,
    map: &Map<'_>,
    file: &str,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let tags = area
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let tags = Tags(tags.collect());
    let rings = |inner: bool| -> Option<Vec<Vec<Place>>> {
        let ways = area.members.iter().filter(|member| member.inner == inner);
        let pieces = ways.filter_map(|member| survey.members.get(&member.way?).cloned());
        let rings = rings::join(pieces.collect())?;
        rings.iter().map(|ring| survey.nodes.ring(ring)).collect()
    };
    let whole = rings(false).and_then(|outer| rings::area(outer, rings(true).unwrap_or_default()));
    let Some(whole) = whole else {
        let reason = format!(
            "relation {}: its outline is not closed or not whole; left out",
            area.id
        );
        out.complain(file, None, reason);
        return Ok(());
    };
    let shape = Shape::Area(whole);
    hand_on(
        map.things("relation", area.id, Uses::of(&tags), &tags, &shape),
        file,
        out,
    )
}

#[cfg(test)]
#[path = "osm/tests.rs"]
mod tests;

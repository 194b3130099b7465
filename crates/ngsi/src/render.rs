//! From entities to JSON: normalized, concise, simplified, GeoJSON [CIM-009 §4.5], written
//! straight to text: the hot path of every read.

mod attribute;
mod json;
mod lang;
pub mod temporal;
pub mod told;

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Time};
use jsonld::Context;

use crate::entity::{Attribute, AttributeValue, Entity, Uris};
use crate::proof;
use crate::query::{Member, Projection};

pub use json::Out;
pub use lang::Languages;
pub use told::{Instance, Told};

/// Attributes from which on they are gathered by name before they are written: looking for others
/// of the same name takes a time that grows with the square of their number.
const GROUPED_MIN: usize = 64;

/// The representation of an entity [CIM-009 §4.5].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// With everything said.
    #[default]
    Normalized,
    /// Without what can be inferred.
    Concise,
    /// Values alone (`keyValues`).
    Simplified,
}

/// The entities that relationships point to, for an inline answer [CIM-009 §4.5.23].
#[derive(Debug)]
pub struct Linked<'a> {
    /// By id, as far as they were found.
    pub entities: &'a HashMap<Name, Arc<Entity>>,
    /// How many levels deep they are put in.
    pub levels: usize,
}

/// Renders entities for one answer.
#[derive(Debug)]
pub struct Renderer<'a> {
    /// How names are compacted.
    pub context: &'a Context,
    /// The representation.
    pub format: Format,
    /// Whether `createdAt`, `modifiedAt` and their kin are shown.
    pub sys_attrs: bool,
    /// The languages asked for, to turn LanguageProperties into plain ones.
    pub languages: Option<Languages>,
    /// The linked entities to put in.
    pub linked: Option<Linked<'a>>,
    /// What is shown; `None`: everything.
    pub projection: Option<&'a Projection>,
    /// The moment of the question: what has expired by then is not shown.
    pub now: Time,
}

impl<'a> Renderer<'a> {
    /// A renderer of normalized entities.
    pub fn new(context: &'a Context, now: Time) -> Self {
        Self {
            context,
            format: Format::Normalized,
            sys_attrs: false,
            languages: None,
            linked: None,
            projection: None,
            now,
        }
    }

    /// The same renderer with another projection.
    pub fn showing<'b>(&'b self, projection: Option<&'b Projection>) -> Renderer<'b> {
        Renderer {
            context: self.context,
            format: self.format,
            sys_attrs: self.sys_attrs,
            languages: self.languages.clone(),
            linked: self.linked.as_ref().map(|l| Linked {
                entities: l.entities,
                levels: l.levels,
            }),
            projection,
            now: self.now,
        }
    }

    /// Writes an entity. `context_member` is the `@context` to put in, as JSON text.
    pub fn entity(&self, out: &mut Out, entity: &Entity, context_member: Option<&str>) {
        out.object(|out| {
            self.members(out, entity, self.projection, 0);
            if let Some(context) = context_member {
                out.key("@context");
                out.raw(context);
            }
        });
    }

    /// Writes an entity as a GeoJSON feature; `geometry_property` is expanded [CIM-009 §4.5.16].
    pub fn feature(
        &self,
        out: &mut Out,
        entity: &Entity,
        geometry_property: &str,
        context_member: Option<&str>,
    ) {
        out.object(|out| {
            if self.projection.is_none_or(|p| p.shows(Member::Id)) {
                out.member_text("id", &entity.id);
            }
            out.member_text("type", "Feature");
            out.key("geometry");
            match self.geometry_of(entity, geometry_property) {
                Some(geometry) => out.value(&geometry.to_geojson()),
                None => out.raw("null"),
            }
            out.key("properties");
            out.object(|out| self.members_but_id(out, entity, self.projection, 0));
            if let Some(context) = context_member {
                out.key("@context");
                out.raw(context);
            }
        });
    }

    fn geometry_of<'e>(&self, entity: &'e Entity, name: &str) -> Option<&'e spatial::Geometry> {
        let mut places = entity
            .attributes
            .iter()
            .filter(|a| a.name == *name && !a.is_expired(self.now))
            .filter_map(|a| match &a.value {
                AttributeValue::Geo(geometry) => Some((a.dataset_id.is_none(), geometry)),
                _ => None,
            });
        let first = places.next()?;
        if first.0 {
            return Some(first.1);
        }
        Some(
            places
                .find(|(is_default, _)| *is_default)
                .map_or(first.1, |(_, geometry)| geometry),
        )
    }

    /// The members of an entity as text of an object.
    fn members(
        &self,
        out: &mut Out,
        entity: &Entity,
        projection: Option<&Projection>,
        level: usize,
    ) {
        if projection.is_none_or(|p| p.shows(Member::Id)) {
            out.member_text("id", &entity.id);
        }
        self.members_but_id(out, entity, projection, level);
    }

    fn members_but_id(
        &self,
        out: &mut Out,
        entity: &Entity,
        projection: Option<&Projection>,
        level: usize,
    ) {
        self.members_but_attributes(out, entity, projection);
        self.attributes(out, &entity.attributes, projection, level);
    }

    /// The members of an entity that are no attributes, but its id.
    fn members_but_attributes(
        &self,
        out: &mut Out,
        entity: &Entity,
        projection: Option<&Projection>,
    ) {
        let shows = |member: Member| projection.is_none_or(|p| p.shows(member));
        if shows(Member::Type) {
            out.key("type");
            self.names(out, &entity.types);
        }
        if !entity.scope.is_empty() && shows(Member::Scope) {
            out.key("scope");
            out.texts(entity.scope.iter().map(|s| &**s));
        }
        if self.sys_attrs {
            if shows(Member::CreatedAt) {
                out.member_time("createdAt", entity.created_at);
            }
            if shows(Member::ModifiedAt) {
                out.member_time("modifiedAt", entity.modified_at);
            }
            if let (Some(end), true) = (entity.expires_at, shows(Member::ExpiresAt)) {
                out.member_time("expiresAt", end);
            }
        }
    }

    /// Attributes of an entity, several instances of one name in an array.
    fn attributes(
        &self,
        out: &mut Out,
        attributes: &[Attribute],
        projection: Option<&Projection>,
        level: usize,
    ) {
        let shown = |a: &&Attribute| {
            !a.is_expired(self.now) && projection.is_none_or(|p| p.shows_attribute(&a.name))
        };
        if attributes.len() > GROUPED_MIN {
            let mut groups: Vec<Vec<&Attribute>> = Vec::new();
            let mut places: HashMap<&Name, usize> = HashMap::new();
            for attribute in attributes.iter().filter(shown) {
                let place = *places.entry(&attribute.name).or_insert(groups.len());
                match groups.get_mut(place) {
                    Some(group) => group.push(attribute),
                    None => groups.push(vec![attribute]),
                }
            }
            for (first, others) in groups.iter().filter_map(|group| group.split_first()) {
                self.instances(out, first, others.iter().copied(), projection, level);
            }
            return;
        }
        for (at, attribute) in attributes.iter().enumerate() {
            let (before, after) = attributes.split_at(at);
            let same = |a: &&Attribute| a.name == attribute.name && shown(a);
            if shown(&attribute) && !before.iter().any(|a| same(&a)) {
                let others = after.iter().skip(1).filter(same);
                self.instances(out, attribute, others, projection, level);
            }
        }
    }

    /// One name with its instances.
    fn instances<'e>(
        &self,
        out: &mut Out,
        first: &'e Attribute,
        others: impl Iterator<Item = &'e Attribute>,
        projection: Option<&Projection>,
        level: usize,
    ) {
        if let Some(member) = proof::sealed_member(&first.name) {
            out.key(member);
            self.value(out, &first.value);
            return;
        }
        out.key(&self.context.compact_term(&first.name));
        let others: Vec<&Attribute> = others.collect();
        if others.is_empty() {
            if self.format == Format::Simplified && first.dataset_id.is_some() {
                self.datasets(out, std::iter::once(first), projection, level);
            } else {
                self.attribute(out, first, projection, level);
            }
            return;
        }
        let all = std::iter::once(first).chain(others);
        if self.format == Format::Simplified {
            self.datasets(out, all, projection, level);
        } else {
            out.array(|out| {
                // A bare value among instances would be read as an array of values.
                for instance in all {
                    out.item();
                    self.whole(out, instance, projection, level);
                }
            });
        }
    }

    /// Several datasets in the simplified representation [CIM-009 §4.5.5].
    fn datasets<'e>(
        &self,
        out: &mut Out,
        instances: impl Iterator<Item = &'e Attribute>,
        projection: Option<&Projection>,
        level: usize,
    ) {
        out.object(|out| {
            out.key("dataset");
            out.object(|out| {
                for instance in instances {
                    out.key(instance.dataset_id.as_deref().unwrap_or("@none"));
                    self.attribute(out, instance, projection, level);
                }
            });
        });
    }

    /// Compacted names: one as text, several as an array.
    fn names(&self, out: &mut Out, names: &[Name]) {
        match names {
            [one] => out.text(&self.context.compact_term(one)),
            many => out.array(|out| {
                for name in many {
                    out.item();
                    out.text(&self.context.compact_term(name));
                }
            }),
        }
    }

    /// The linked entities of a relationship that are to be put in at this level.
    fn linked_of(&self, uris: &[Name], level: usize) -> Vec<&'a Arc<Entity>> {
        match &self.linked {
            Some(linked) if level < linked.levels => uris
                .iter()
                .filter_map(|uri| linked.entities.get(uri))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// One URI as text, several as an array.
fn uris(out: &mut Out, uris: &Uris, write: impl Fn(&mut Out, &str)) {
    match uris {
        Uris::One(uri) => write(out, uri),
        Uris::Many(uris) => out.array(|out| {
            for uri in uris {
                out.item();
                write(out, uri);
            }
        }),
    }
}

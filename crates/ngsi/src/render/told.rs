//! An entity as a notification tells it: as it is now, with what it was before and with what was
//! deleted of it [CIM-009 §4.5.18, §5.2.14, §5.8.6].

use std::collections::HashMap;

use base::{Name, Time};

use super::temporal::null;
use super::{Format, Out, Renderer};
use crate::entity::{Attribute, AttributeKind, AttributeValue, Entity};
use crate::query::Member;

/// What is told of an entity.
#[derive(Debug)]
pub struct Told<'a> {
    /// The entity as it is, or as it was last.
    pub entity: &'a Entity,
    /// Its attribute instances that are told of.
    pub instances: Vec<Instance<'a>>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Time>,
}

/// What is told of an attribute instance.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'a> {
    /// The instance as it is, or as it was last.
    pub attribute: &'a Attribute,
    /// What it was before, if that is shown.
    pub previous: Option<&'a Attribute>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Time>,
}

impl Instance<'_> {
    fn is_plain(&self) -> bool {
        self.previous.is_none() && self.deleted_at.is_none()
    }
}

impl Renderer<'_> {
    /// Writes what is told. `context_member` is the `@context` to put in, as JSON text.
    pub fn told(&self, out: &mut Out, told: &Told<'_>, context_member: Option<&str>) {
        out.object(|out| {
            if self.projection.is_none_or(|p| p.shows(Member::Id)) {
                out.member_text("id", &told.entity.id);
            }
            self.told_members(out, told);
            if let Some(context) = context_member {
                out.key("@context");
                out.raw(context);
            }
        });
    }

    /// Writes what is told as a GeoJSON feature; `geometry_property` is expanded
    /// [CIM-009 §4.5.16].
    pub fn told_feature(&self, out: &mut Out, told: &Told<'_>, geometry_property: &str) {
        out.object(|out| {
            if self.projection.is_none_or(|p| p.shows(Member::Id)) {
                out.member_text("id", &told.entity.id);
            }
            out.member_text("type", "Feature");
            out.key("geometry");
            let place = (told.deleted_at.is_none())
                .then(|| self.geometry_of(told.entity, geometry_property));
            match place.flatten() {
                Some(geometry) => out.value(&geometry.to_geojson()),
                None => out.raw("null"),
            }
            out.key("properties");
            out.object(|out| self.told_members(out, told));
        });
    }

    fn told_members(&self, out: &mut Out, told: &Told<'_>) {
        let projection = self.projection;
        if let Some(deleted_at) = told.deleted_at {
            let shows = |member: Member| projection.is_none_or(|p| p.shows(member));
            if shows(Member::Type) {
                out.key("type");
                self.names(out, &told.entity.types);
            }
            if self.sys_attrs {
                out.member_time("createdAt", told.entity.created_at);
                out.member_time("modifiedAt", told.entity.modified_at);
            }
            out.member_time("deletedAt", deleted_at);
        } else {
            self.members_but_attributes(out, told.entity, projection);
        }
        let mut groups: Vec<Vec<Instance<'_>>> = Vec::new();
        let mut places: HashMap<&Name, usize> = HashMap::new();
        for instance in &told.instances {
            let name = &instance.attribute.name;
            if projection.is_some_and(|p| !p.shows_attribute(name)) {
                continue;
            }
            let place = *places.entry(name).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(*instance),
                None => groups.push(vec![*instance]),
            }
        }
        for group in groups {
            self.told_group(out, &group);
        }
    }

    /// One name with its instances.
    fn told_group(&self, out: &mut Out, group: &[Instance<'_>]) {
        let Some((first, others)) = group.split_first() else {
            return;
        };
        let projection = self.projection;
        out.key(&self.context.compact_term(&first.attribute.name));
        if self.format == Format::Simplified {
            if others.is_empty() && first.attribute.dataset_id.is_none() {
                return self.told_value(out, first);
            }
            return out.object(|out| {
                out.key("dataset");
                out.object(|out| {
                    for instance in group {
                        let dataset = instance.attribute.dataset_id.as_deref();
                        out.key(dataset.unwrap_or("@none"));
                        self.told_value(out, instance);
                    }
                });
            });
        }
        if others.is_empty() {
            if first.is_plain() {
                self.attribute(out, first.attribute, projection, 0);
            } else {
                self.told_whole(out, first);
            }
            return;
        }
        out.array(|out| {
            for instance in group {
                out.item();
                if instance.is_plain() {
                    self.whole(out, instance.attribute, projection, 0);
                } else {
                    self.told_whole(out, instance);
                }
            }
        });
    }

    /// An instance as an object with what it was before, or with what says that it is gone.
    fn told_whole(&self, out: &mut Out, instance: &Instance<'_>) {
        let attribute = instance.attribute;
        out.object(|out| {
            let Some(deleted_at) = instance.deleted_at else {
                self.typed_value(out, attribute, self.projection, 0);
                self.previous(out, instance.previous);
                return self.metadata(out, attribute);
            };
            let kind = attribute.value.kind().unwrap_or(AttributeKind::Property);
            if self.format == Format::Normalized {
                out.member_text("type", kind.word());
            }
            out.key(kind.member());
            null(out, kind);
            self.previous(out, instance.previous);
            if let Some(dataset_id) = &attribute.dataset_id {
                out.member_text("datasetId", dataset_id);
            }
            if self.sys_attrs {
                out.member_time("createdAt", attribute.created_at);
                out.member_time("modifiedAt", attribute.modified_at);
                out.member_time("deletedAt", deleted_at);
            }
        });
    }

    /// `previousValue` and its kin.
    fn previous(&self, out: &mut Out, previous: Option<&Attribute>) {
        let Some(previous) = previous else { return };
        if let (AttributeValue::Language(map), Some(languages)) = (&previous.value, &self.languages)
        {
            if let Some((_, text)) = languages.choose(map) {
                out.key("previousValue");
                out.value(text);
            }
            return;
        }
        let Some(kind) = previous.value.kind() else {
            return;
        };
        out.key(previous_member(kind));
        self.value(out, &previous.value);
    }

    /// The simplified representation of an instance, which has no place for what was before.
    fn told_value(&self, out: &mut Out, instance: &Instance<'_>) {
        let attribute = instance.attribute;
        if instance.deleted_at.is_none() {
            return self.attribute(out, attribute, self.projection, 0);
        }
        let kind = attribute.value.kind().unwrap_or(AttributeKind::Property);
        match kind {
            AttributeKind::LanguageProperty if self.languages.is_some() => {
                null(out, AttributeKind::Property);
            }
            AttributeKind::LanguageProperty
            | AttributeKind::JsonProperty
            | AttributeKind::VocabProperty => out.object(|out| {
                out.key(kind.member());
                null(out, kind);
            }),
            _ => null(out, kind),
        }
    }
}

/// The member that says what was before [CIM-009 §4.5.2 to §4.5.24].
fn previous_member(kind: AttributeKind) -> &'static str {
    match kind {
        AttributeKind::Property | AttributeKind::GeoProperty => "previousValue",
        AttributeKind::Relationship => "previousObject",
        AttributeKind::LanguageProperty => "previousLanguageMap",
        AttributeKind::JsonProperty => "previousJson",
        AttributeKind::VocabProperty => "previousVocab",
        AttributeKind::ListProperty => "previousValueList",
        AttributeKind::ListRelationship => "previousObjectList",
    }
}

#[cfg(test)]
mod tests;

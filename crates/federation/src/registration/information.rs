//! What a source has: entities and attributes of them [CIM-009 §5.2.8, §5.2.10].

use base::Name;
use ngsi::query::Pattern;

/// A part of what a source has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Information {
    /// Of which entities; empty: of any.
    pub entities: Vec<EntityInfo>,
    /// Which properties; expanded.
    pub property_names: Vec<Name>,
    /// Which relationships; expanded.
    pub relationship_names: Vec<Name>,
}

/// Some entities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntityInfo {
    /// The one of this id.
    pub id: Option<Name>,
    /// Those in whose id this is found; never together with an id.
    pub id_pattern: Option<Pattern>,
    /// Those of one of these types; expanded, never empty.
    pub types: Vec<Name>,
}

impl Information {
    /// The names of the attributes; none: all.
    pub fn attributes(&self) -> impl Iterator<Item = &Name> {
        self.property_names.iter().chain(&self.relationship_names)
    }

    /// Whether it has all attributes of its entities.
    pub fn has_all_attributes(&self) -> bool {
        self.attributes().next().is_none()
    }
}

impl EntityInfo {
    /// Whether the entity of that id can be one of them.
    pub fn covers_id(&self, id: &str) -> bool {
        match (&self.id, &self.id_pattern) {
            (Some(own), _) => **own == *id,
            (None, Some(pattern)) => pattern.is_match(id),
            (None, None) => true,
        }
    }
}

//! What is at exclusive and redirect sources, and nowhere else [CIM-009 §4.3.6.3].

use std::sync::Arc;

use base::Name;
use ngsi::Entity;

use super::gather::Given;
use super::merge::{Level, Part};
use crate::Match;
use crate::registration::{EntityInfo, Registration};

/// The sources whose data counts above that of others.
#[derive(Debug, Default)]
pub(super) struct Claims {
    proxies: Vec<(Level, Arc<Registration>)>,
}

/// What is left of an entity.
enum Left {
    Nothing,
    /// All but these attributes.
    Without(Vec<Name>),
}

impl Claims {
    /// Those of the sources that an operation concerns.
    pub(super) fn of<'m>(matches: impl Iterator<Item = &'m Match>) -> Self {
        let mut claims = Self::default();
        for one in matches.filter(|m| m.registration.mode.is_proxied()) {
            let registration = &one.registration;
            let is_known = |(_, known): &(Level, Arc<Registration>)| known.id == registration.id;
            if !claims.proxies.iter().any(is_known) {
                let level = Level::from(registration.mode);
                claims.proxies.push((level, Arc::clone(registration)));
            }
        }
        claims
    }

    pub(super) fn is_empty(&self) -> bool {
        self.proxies.is_empty()
    }

    /// What a source of some level may say of an entity; `None`: nothing.
    pub(super) fn strip(&self, entity: Arc<Entity>, level: Level) -> Option<Arc<Entity>> {
        match self.left(&entity, level) {
            Left::Nothing => None,
            Left::Without(names) if names.is_empty() => Some(entity),
            Left::Without(names) => {
                let mut rest = Entity::clone(&entity);
                rest.attributes.retain(|a| !names.contains(&a.name));
                Some(Arc::new(rest))
            }
        }
    }

    /// The part that a source gives to the whole.
    pub(super) fn part(&self, given: Given) -> Option<Part> {
        let level = Level::from(given.registration.mode);
        let entity = self.strip(Arc::new(given.entity), level)?;
        Some(Part {
            entity,
            level,
            source: Some(given.registration.id.clone()),
        })
    }

    fn left(&self, entity: &Entity, level: Level) -> Left {
        let mut names = Vec::new();
        for (_, proxy) in self.proxies.iter().filter(|(above, _)| *above < level) {
            for information in &proxy.information {
                if !information.entities.is_empty()
                    && !information.entities.iter().any(|info| covers(info, entity))
                {
                    continue;
                }
                if information.has_all_attributes() {
                    return Left::Nothing;
                }
                names.extend(information.attributes().cloned());
            }
        }
        Left::Without(names)
    }
}

/// Whether a registration speaks of the entity.
fn covers(info: &EntityInfo, entity: &Entity) -> bool {
    info.covers_id(&entity.id)
        && (info.types.is_empty() || info.types.iter().any(|name| entity.types.contains(name)))
}

//! The body of a notification [CIM-009 §5.3.1].

use std::fmt::Write as _;
use std::sync::Arc;

use base::{Name, Time};
use ngsi::query::Projection;
use ngsi::render::{Instance, Linked as RenderLinked, Out, Renderer, Told};
use ngsi::{Attribute, Entity};
use ports::Entropy;

use super::concern::counts;
use super::happening::{Happening, Turn};
use super::linked::{self, Linked};
use crate::model::{Accept, Join, Subscription};

/// Bytes of a body; what is joined is left out where it would be more.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes that an entity takes, for the first allocation.
const ENTITY_BYTES_GUESS: usize = 1_024;

/// What a notification tells of one entity.
#[derive(Debug, Clone)]
pub(crate) enum Item<'a> {
    /// What happened to it.
    Happened(&'a Happening),
    /// That it is there.
    There(&'a Arc<Entity>),
}

impl Item<'_> {
    /// The entity as it is, or as it was last.
    pub(crate) fn entity(&self) -> Arc<Entity> {
        match self {
            Self::Happened(happening) => happening.entity(),
            Self::There(entity) => Arc::clone(entity),
        }
    }

    /// The entity, unless it is gone: then it links to nothing any more.
    pub(crate) fn living(&self) -> Option<Arc<Entity>> {
        match self {
            Self::Happened(happening) => happening.after.clone(),
            Self::There(entity) => Some(Arc::clone(entity)),
        }
    }
}

/// A notification about to be written.
#[derive(Debug)]
pub(crate) struct Notice<'a> {
    /// For whom.
    pub(crate) subscription: &'a Subscription,
    /// Its id.
    pub(crate) id: String,
    /// When it is made.
    pub(crate) at: Time,
    /// What it tells.
    pub(crate) items: Vec<Item<'a>>,
    /// What can be joined to that.
    pub(crate) linked: Linked,
}

/// A new id of a notification.
pub(crate) fn new_id(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes);
    // Version 4, variant 1 [RFC 9562 §5.4].
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::from("urn:ngsi-ld:Notification:");
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // Writing to a String cannot fail.
        let _infallible = write!(id, "{byte:02x}");
    }
    id
}

impl Notice<'_> {
    /// The whole JSON.
    pub(crate) fn body(&self) -> String {
        let out = self.write(self.subscription.notification.join);
        if out.is_full() {
            self.write(Join::None).into_string()
        } else {
            out.into_string()
        }
    }

    /// The Link header, unless the body names the @context itself [CIM-009 §6.3.9].
    pub(crate) fn link(&self) -> Option<String> {
        let url = &self.subscription.context_url;
        (self.subscription.notification.endpoint.accept != Accept::LdJson).then(|| {
            format!(
                "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
            )
        })
    }

    fn write(&self, join: Join) -> Out {
        let guess = ENTITY_BYTES_GUESS * (self.items.len() + self.linked.len() + 1);
        let mut out = Out::with_capacity(guess);
        if join != Join::None {
            out = out.limited(BODY_BYTES_MAX);
        }
        out.object(|out| {
            out.member_text("id", &self.id);
            out.member_text("type", "Notification");
            out.member_text("subscriptionId", &self.subscription.id);
            out.member_time("notifiedAt", self.at);
            out.key("data");
            self.data(out, join);
            if self.subscription.notification.endpoint.accept == Accept::LdJson {
                out.member_text("@context", &self.subscription.context_url);
            }
        });
        out
    }

    fn data(&self, out: &mut Out, join: Join) {
        let params = &self.subscription.notification;
        let renderer = self.renderer(join);
        let flat = self.flat(join);
        if params.endpoint.accept == Accept::GeoJson {
            let place = self.subscription.context.expand_name("location");
            let place = place.unwrap_or_else(|_| Name::from("location"));
            return out.object(|out| {
                out.member_text("type", "FeatureCollection");
                out.key("features");
                out.array(|out| {
                    self.each(&mut |told| {
                        out.item();
                        renderer.told_feature(out, told, &place);
                    });
                    for (entity, projection) in &flat {
                        out.item();
                        let shown = renderer.showing(projection.as_ref());
                        shown.feature(out, entity, &place, None);
                    }
                });
                out.member_text("@context", &self.subscription.context_url);
            });
        }
        let member = (params.endpoint.accept == Accept::LdJson).then(|| {
            let mut text = Out::default();
            text.text(&self.subscription.context_url);
            text.into_string()
        });
        out.array(|out| {
            self.each(&mut |told| {
                out.item();
                renderer.told(out, told, member.as_deref());
            });
            for (entity, projection) in &flat {
                out.item();
                let shown = renderer.showing(projection.as_ref());
                shown.entity(out, entity, member.as_deref());
            }
        });
    }

    fn renderer(&self, join: Join) -> Renderer<'_> {
        let params = &self.subscription.notification;
        Renderer {
            format: params.format,
            sys_attrs: params.sys_attrs,
            languages: self.subscription.languages.clone(),
            projection: params.projection.as_ref(),
            linked: match join {
                Join::Inline(levels) => Some(RenderLinked {
                    entities: &self.linked,
                    levels,
                }),
                Join::Flat(_) | Join::None => None,
            },
            ..Renderer::new(&self.subscription.context, self.at)
        }
    }

    fn flat(&self, join: Join) -> Vec<(&Arc<Entity>, Option<Projection>)> {
        let Join::Flat(levels) = join else {
            return Vec::new();
        };
        let entities: Vec<Arc<Entity>> = self.items.iter().filter_map(Item::living).collect();
        let projection = self.subscription.notification.projection.as_ref();
        let told: Vec<(&Entity, Option<&Projection>)> = entities
            .iter()
            .map(|entity| (&**entity, projection))
            .collect();
        linked::flat(&self.linked, &told, &|name| self.names(name), levels)
    }

    /// Whether `attributes` leave this one.
    fn names(&self, name: &Name) -> bool {
        let names = &self.subscription.notification.attributes;
        names.is_empty() || names.contains(name)
    }

    /// Whether `attributes` and `datasetId` leave this instance.
    fn selects(&self, attribute: &Attribute) -> bool {
        let datasets = self.subscription.datasets.as_ref();
        self.names(&attribute.name) && datasets.is_none_or(|d| d.contains(&attribute.dataset_id))
    }

    fn each(&self, tell: &mut dyn FnMut(&Told<'_>)) {
        for item in &self.items {
            match item {
                Item::Happened(happening) => self.happened(happening, tell),
                Item::There(entity) => tell(&Told {
                    entity,
                    instances: self.live(entity, |_| None),
                    deleted_at: None,
                }),
            }
        }
    }

    fn happened(&self, happening: &Happening, tell: &mut dyn FnMut(&Told<'_>)) {
        let subscription = self.subscription;
        let shows_changes = subscription.notification.show_changes;
        let entity = happening.entity();
        let mut gone = happening.gone();
        gone.retain(|attribute| self.selects(attribute));
        let is_whole = shows_changes && happening.deleted_at().is_some();
        if !is_whole {
            // What nobody asked to be told of is not there, and that is all.
            let watched = &subscription.watched;
            let counts = counts(subscription.triggers, Turn::Deleted);
            gone.retain(|a| counts && (watched.is_empty() || watched.contains(&a.name)));
        }
        let before = |attribute: &Attribute| {
            let dataset_id = attribute.dataset_id.as_deref();
            let key = |(key, turn): &(ngsi::AttributeKey, Turn)| {
                *turn == Turn::Updated && attribute.is(&key.name, key.dataset_id.as_deref())
            };
            (shows_changes && happening.attributes.iter().any(key))
                .then(|| {
                    happening
                        .before
                        .as_ref()?
                        .attribute(&attribute.name, dataset_id)
                })
                .flatten()
        };
        let mut instances = match &happening.after {
            Some(after) => self.live(after, before),
            None => Vec::new(),
        };
        if !shows_changes {
            collapse(&mut gone, &instances);
        }
        instances.extend(gone.iter().map(|attribute| Instance {
            attribute,
            previous: shows_changes.then_some(attribute),
            deleted_at: Some(happening.time),
        }));
        tell(&Told {
            entity: &entity,
            instances,
            deleted_at: happening.deleted_at(),
        });
    }

    fn live<'e>(
        &self,
        entity: &'e Entity,
        before: impl Fn(&'e Attribute) -> Option<&'e Attribute>,
    ) -> Vec<Instance<'e>> {
        let shown = entity.attributes.iter();
        let shown = shown.filter(|a| !a.is_expired(self.at) && self.selects(a));
        let instance = |attribute| Instance {
            attribute,
            previous: before(attribute),
            deleted_at: None,
        };
        shown.map(instance).collect()
    }
}

/// An attribute of which every instance is gone is told to be gone once, if one of them was the
/// default instance: an NGSI-LD Null in its place stands for all of it.
fn collapse(gone: &mut Vec<Attribute>, live: &[Instance<'_>]) {
    let has_live = |name: &Name| live.iter().any(|i| i.attribute.name == *name);
    let whole: Vec<Name> = gone
        .iter()
        .filter(|a| a.dataset_id.is_none() && !has_live(&a.name))
        .map(|a| a.name.clone())
        .collect();
    gone.retain(|a| a.dataset_id.is_none() || !whole.contains(&a.name));
}

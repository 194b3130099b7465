//! An index of the subscriptions of one tenant: which may be concerned by a happening. It names
//! at least those that [`concerns`](super::concern::concerns) would find among all.

mod slots;

use std::sync::Arc;

use base::Name;
use hashbrown::HashMap;

use super::happening::Happening;
use crate::model::Subscription;
use slots::{Need, Slots};

/// The place of a subscription in an index.
pub(crate) type Slot = usize;

/// Subscriptions by what they ask for: first by id of entities, else by type, else all together;
/// in each of these by attributes that are watched, else all together; and in each of these by what
/// their queries need.
#[derive(Debug)]
pub(crate) struct Index<T> {
    slots: Vec<Option<(Arc<Subscription>, T)>>,
    free: Vec<Slot>,
    places: HashMap<Name, Slot>,
    by_id: HashMap<Name, Bucket>,
    by_type: HashMap<Name, Bucket>,
    rest: Bucket,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            by_id: HashMap::new(),
            by_type: HashMap::new(),
            rest: Bucket::default(),
        }
    }
}

/// Subscriptions by the attributes that they watch.
#[derive(Debug, Default)]
struct Bucket {
    by_attribute: HashMap<Name, Slots>,
    any: Slots,
}

/// Under what a subscription stands.
enum Key<'s> {
    Ids(Vec<&'s Name>),
    Types(Vec<&'s Name>),
    Rest,
}

impl<T> Index<T> {
    /// Puts a subscription in the place of the one of its id; what went with that one is returned.
    pub(crate) fn insert(&mut self, subscription: Arc<Subscription>, with: T) -> Option<T> {
        let old = self.remove(&subscription.id);
        // One that is told by the clock is never concerned by a happening.
        if subscription.time_interval.is_some() {
            return old;
        }
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.places.insert(subscription.id.clone(), slot);
        let need = Need::of(&subscription.query);
        self.each_bucket(&subscription, |bucket| {
            bucket.insert(&subscription.watched, &need, slot);
        });
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some((subscription, with));
        }
        old
    }

    /// Takes a subscription out.
    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        let slot = self.places.remove(id)?;
        let (subscription, with) = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        let need = Need::of(&subscription.query);
        self.each_bucket(&subscription, |bucket| {
            bucket.remove(&subscription.watched, &need, slot);
        });
        match key(&subscription) {
            Key::Ids(ids) => prune(&mut self.by_id, &ids),
            Key::Types(types) => prune(&mut self.by_type, &types),
            Key::Rest => {}
        }
        Some(with)
    }

    /// What stands at a place.
    pub(crate) fn get(&self, slot: Slot) -> Option<&(Arc<Subscription>, T)> {
        self.slots.get(slot)?.as_ref()
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut (Arc<Subscription>, T)> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// What goes with the subscription of that id.
    pub(crate) fn with(&self, id: &str) -> Option<&T> {
        let slot = *self.places.get(id)?;
        self.get(slot).map(|(_, with)| with)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The places of those that the happening may concern, each once, in order.
    pub(crate) fn candidates(&self, happening: &Happening) -> Vec<Slot> {
        let mut found = Vec::new();
        let types = happening.types().iter();
        let of_types = types.filter_map(|name| self.by_type.get(name));
        let buckets = self.by_id.get(&happening.id).into_iter().chain(of_types);
        for bucket in buckets.chain(std::iter::once(&self.rest)) {
            bucket.collect(happening, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn each_bucket(&mut self, subscription: &Subscription, mut change: impl FnMut(&mut Bucket)) {
        match key(subscription) {
            Key::Ids(ids) => {
                for id in ids {
                    change(self.by_id.entry(id.clone()).or_default());
                }
            }
            Key::Types(types) => {
                for name in types {
                    change(self.by_type.entry(name.clone()).or_default());
                }
            }
            Key::Rest => change(&mut self.rest),
        }
    }
}

/// Takes away the buckets of these names that have become empty.
fn prune(buckets: &mut HashMap<Name, Bucket>, names: &[&Name]) {
    for name in names {
        if buckets.get(*name).is_some_and(Bucket::is_empty) {
            buckets.remove(*name);
        }
    }
}

fn key(subscription: &Subscription) -> Key<'_> {
    let query = &subscription.query;
    match (query.only_ids(), query.only_types()) {
        (Some(ids), _) => Key::Ids(distinct(ids)),
        (None, Some(types)) => Key::Types(distinct(types)),
        (None, None) => Key::Rest,
    }
}

fn distinct(mut names: Vec<&Name>) -> Vec<&Name> {
    names.sort_unstable();
    names.dedup();
    names
}

impl Bucket {
    fn insert(&mut self, watched: &[Name], need: &Need, slot: Slot) {
        if watched.is_empty() {
            self.any.insert(need, slot);
        }
        for name in distinct(watched.iter().collect()) {
            let slots = self.by_attribute.entry(name.clone()).or_default();
            slots.insert(need, slot);
        }
    }

    fn remove(&mut self, watched: &[Name], need: &Need, slot: Slot) {
        if watched.is_empty() {
            self.any.remove(need, slot);
        }
        for name in watched {
            if let Some(slots) = self.by_attribute.get_mut(name) {
                slots.remove(need, slot);
                if slots.is_empty() {
                    self.by_attribute.remove(name);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.by_attribute.is_empty()
    }

    fn collect(&self, happening: &Happening, found: &mut Vec<Slot>) {
        let entity = happening.after.as_ref().or(happening.before.as_ref());
        let entity = entity.map(|entity| &**entity);
        self.any.collect(entity, found);
        if self.by_attribute.is_empty() {
            return;
        }
        if happening.is_forgotten() {
            for slots in self.by_attribute.values() {
                slots.collect(None, found);
            }
            return;
        }
        let mut last: Option<&Name> = None;
        for (key, _) in &happening.attributes {
            // Instances of one name mostly stand together.
            if last == Some(&key.name) {
                continue;
            }
            last = Some(&key.name);
            if let Some(slots) = self.by_attribute.get(&key.name) {
                slots.collect(entity, found);
            }
        }
    }
}

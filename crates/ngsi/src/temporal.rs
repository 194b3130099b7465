//! The temporal evolution of entities: instances of attributes over time [CIM-009 §4.5.6].

mod rolled;
mod sample;
pub mod scope;

use std::fmt;
use std::str::FromStr;

use base::{Name, Seq, Time};

use crate::entity::Attribute;

pub use rolled::{Rolled, RolledNumbers, RolledValue, period_text};
pub use sample::{Sample, Samples};

/// The identity of one instance of one attribute: the change that brought it and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    /// The change.
    pub seq: Seq,
    /// The place among the attributes of that change.
    pub index: u32,
}

const INSTANCE_PREFIX: &str = "urn:ngsi-ld:Instance:";

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{INSTANCE_PREFIX}{}-{}", self.seq, self.index)
    }
}

impl FromStr for InstanceId {
    type Err = ();
    /// Reads the URI; any other URI is nobody's instance.
    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text.strip_prefix(INSTANCE_PREFIX).ok_or(())?;
        let (seq, index) = rest.split_once('-').ok_or(())?;
        let seq = seq.parse().map_err(|_not_a_number| ())?;
        let index = index.parse().map_err(|_not_a_number| ())?;
        Ok(Self {
            seq: Seq(seq),
            index,
        })
    }
}

/// One instance: what an attribute was at one time.
/// A deletion is an instance with [`crate::AttributeValue::Null`], its time in `modified_at`.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its identity.
    pub id: InstanceId,
    /// The attribute as it was.
    pub attribute: Attribute,
}

impl Instance {
    /// The moment by which instances of a series are ordered: observed, else modified.
    pub fn moment(&self) -> Time {
        self.attribute
            .observed_at
            .unwrap_or(self.attribute.modified_at)
    }
}

/// What is known over time of one entity, without its instances.
/// It outlives the entity: `deleted_at` says when that went [CIM-009 §5.6.6].
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The URI.
    pub id: Name,
    /// The types it has or last had.
    pub types: Vec<Name>,
    /// The scopes it has or last had.
    pub scope: Vec<Name>,
    /// When the node first heard of it.
    pub created_at: Time,
    /// When it last changed.
    pub modified_at: Time,
    /// When it was deleted, if it is not there now.
    pub deleted_at: Option<Time>,
    /// When it ceases to be, if it is transient.
    pub expires_at: Option<Time>,
}

/// The instances of one attribute and dataset, oldest first (by [`Instance::moment`], then id).
/// Of instances with the same `observedAt` only the one that came last is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Expanded name.
    pub name: Name,
    /// The dataset.
    pub dataset_id: Option<Name>,
    /// The instances within the span asked for.
    pub instances: Vec<Instance>,
    /// Whether older or newer ones within the span were left out by the span's limit.
    pub is_cut: bool,
}

impl Series {
    /// Orders the instances by the times that the span speaks of and leaves as many as it allows.
    pub fn arrange(&mut self, span: &Span) {
        self.instances
            .sort_by_key(|i| (span.moment_of(&i.attribute), i.id));
        let excess = self.instances.len().saturating_sub(span.limit);
        self.is_cut |= excess > 0;
        if span.last {
            self.instances.drain(..excess);
        } else {
            self.instances.truncate(span.limit);
        }
    }
}

/// An entity over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Evolution {
    /// What it is.
    pub head: Head,
    /// Its attributes, by name and then dataset (the default first).
    pub series: Vec<Series>,
}

/// Which instances of an entity's attributes are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Only attributes of these expanded names; `None`: all.
    pub attributes: Option<Vec<Name>>,
    /// Which of an instance's times counts.
    pub property: TimeProperty,
    /// From this moment on.
    pub from: Option<Bound>,
    /// Up to this moment.
    pub until: Option<Bound>,
    /// At most so many instances of each series …
    pub limit: usize,
    /// … the last ones (`lastN`), else the first ones.
    pub last: bool,
}

/// One end of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The moment.
    pub time: Time,
    /// Whether the moment itself belongs to the span.
    pub inclusive: bool,
}

/// Which time of an instance a span speaks of [CIM-009 §4.8].
#[expect(clippy::enum_variant_names, reason = "the names are the standard's")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeProperty {
    /// `observedAt`, the default.
    #[default]
    ObservedAt,
    /// `createdAt`.
    CreatedAt,
    /// `modifiedAt`.
    ModifiedAt,
    /// `deletedAt`: only instances that say that the attribute was deleted.
    DeletedAt,
}

impl Span {
    /// Everything, up to `limit` instances of each series, oldest first.
    pub fn all(limit: usize) -> Self {
        Self {
            attributes: None,
            property: TimeProperty::ObservedAt,
            from: None,
            until: None,
            limit,
            last: false,
        }
    }

    /// The time of `attribute` that counts for this span.
    /// `None`: it has no such time and belongs to no bounded span. A deletion was neither created
    /// nor modified: its time in the system is `deletedAt` [CIM-009 §4.5.7, §4.8].
    pub fn time_of(&self, attribute: &Attribute) -> Option<Time> {
        let deleted = matches!(attribute.value, crate::AttributeValue::Null);
        match self.property {
            TimeProperty::ObservedAt => attribute.observed_at,
            TimeProperty::CreatedAt => (!deleted).then_some(attribute.created_at),
            TimeProperty::ModifiedAt => (!deleted).then_some(attribute.modified_at),
            TimeProperty::DeletedAt => deleted.then_some(attribute.modified_at),
        }
    }

    /// The time that puts `attribute` in its place among others: the one that the span speaks of,
    /// else that of its last change.
    pub fn moment_of(&self, attribute: &Attribute) -> Time {
        self.time_of(attribute).unwrap_or(attribute.modified_at)
    }

    /// Whether an instance belongs to the span. A span without bounds holds every instance, or
    /// every deletion if those are asked for.
    pub fn holds(&self, attribute: &Attribute) -> bool {
        if let Some(names) = &self.attributes
            && !names.contains(&attribute.name)
        {
            return false;
        }
        let bounded = self.from.is_some() || self.until.is_some();
        if !bounded && self.property != TimeProperty::DeletedAt {
            return true;
        }
        let Some(time) = self.time_of(attribute) else {
            return false;
        };
        let after = self
            .from
            .is_none_or(|b| time > b.time || (b.inclusive && time == b.time));
        let before = self
            .until
            .is_none_or(|b| time < b.time || (b.inclusive && time == b.time));
        after && before
    }
}

/// An edit of history itself, by the temporal API or an import.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryEdit {
    /// Adds instances: each attribute is one, stamped. Also creates the head when there is none
    /// and otherwise unites its types. Indexes of [`InstanceId`] follow this order.
    Add {
        /// Types of the entity.
        types: Vec<Name>,
        /// Scopes of the entity; empty: as they are.
        scope: Vec<Name>,
        /// The instances.
        instances: Vec<Attribute>,
    },
    /// Takes out all instances of an attribute: of one dataset, or of all.
    RemoveAttribute {
        /// Expanded name.
        name: Name,
        /// `None`: all datasets; `Some(None)`: the default one.
        #[expect(
            clippy::option_option,
            reason = "unsaid and said to be none are two things"
        )]
        dataset_id: Option<Option<Name>>,
    },
    /// Takes out one instance.
    RemoveInstance {
        /// Expanded name.
        name: Name,
        /// Which.
        instance: InstanceId,
    },
    /// Puts another in the place of one instance; it keeps its identity.
    ReplaceInstance {
        /// Which.
        instance: InstanceId,
        /// What it is now.
        attribute: Attribute,
    },
    /// Takes out the whole evolution of the entity, its head included.
    RemoveEntity,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttributeValue;
    use serde_json::json;

    fn instance(seq: u64, observed: i64, created: i64) -> Instance {
        let mut attribute = Attribute::new("urn:a".into(), AttributeValue::Property(json!(seq)));
        attribute.stamp(Time(created), Time(created));
        attribute.observed_at = Some(Time(observed));
        Instance {
            id: InstanceId {
                seq: Seq(seq),
                index: 0,
            },
            attribute,
        }
    }

    #[test]
    fn instances_stand_in_the_order_of_the_time_asked_for() {
        let mut series = Series {
            name: "urn:a".into(),
            dataset_id: None,
            instances: vec![
                instance(2, 10, 99),
                instance(1, 20, 50),
                instance(3, 30, 120),
            ],
            is_cut: false,
        };
        let span = Span {
            property: TimeProperty::CreatedAt,
            last: true,
            ..Span::all(2)
        };
        series.arrange(&span);
        let order: Vec<_> = series.instances.iter().map(|i| i.id.seq.0).collect();
        assert_eq!((order, series.is_cut), (vec![2, 3], true));
    }

    #[test]
    fn a_deletion_has_no_other_time_in_the_system() {
        let mut deletion = instance(1, 10, 50).attribute;
        deletion.value = AttributeValue::Null;
        let bound = Some(Bound {
            time: Time(0),
            inclusive: true,
        });
        let holds = |property, from| {
            let span = Span {
                property,
                from,
                ..Span::all(1)
            };
            span.holds(&deletion)
        };
        assert!(holds(TimeProperty::DeletedAt, bound) && holds(TimeProperty::DeletedAt, None));
        assert!(!holds(TimeProperty::ModifiedAt, bound) && holds(TimeProperty::ModifiedAt, None));
        assert!(holds(TimeProperty::ObservedAt, bound));
        let there = instance(1, 10, 50).attribute;
        let deletions = Span {
            property: TimeProperty::DeletedAt,
            ..Span::all(1)
        };
        assert!(!deletions.holds(&there));
    }

    #[test]
    fn the_uri_of_an_instance_reads_back_to_it() {
        let id = InstanceId {
            seq: Seq(7),
            index: 3,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("urn:other".parse::<InstanceId>(), Err(()));
    }
}

//! Rows: instances without their names, as tails and segments hold them.

use base::{Name, Time};
use ngsi::temporal::{InstanceId, Rolled, TimeProperty};
use ngsi::{Attribute, AttributeValue};
use serde_json::{Number, Value};

use super::blob;
use super::bytes::Input;
use super::names::Names;

/// Which series of an entity: numbers of the name and of the dataset (0: the default one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SeriesKey {
    pub(super) name: u32,
    pub(super) dataset: u32,
}

impl SeriesKey {
    /// Before all others.
    pub(super) const MIN: Self = Self {
        name: 0,
        dataset: 0,
    };
}

/// One instance. Times are microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// By what rows of a series are ordered: observed, else modified.
    pub(super) moment: i64,
    /// Whether the moment is `observedAt`.
    pub(super) observed: bool,
    pub(super) modified: i64,
    pub(super) created: i64,
    /// Number of the unit code.
    pub(super) unit: u32,
    /// Number of the value type.
    pub(super) value_type: u32,
    pub(super) id: InstanceId,
    /// The change that wrote it: later than `id` when the instance was replaced.
    pub(super) arrived: InstanceId,
    pub(super) value: RowValue,
}

/// The value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowValue {
    Int(i64),
    Float(f64),
    /// All else; see [`blob`].
    Blob(Box<[u8]>),
    /// The attribute was deleted.
    Deleted,
    /// Only of the archive: all of the attribute.
    Whole(Box<Attribute>),
    /// Only of the archive: what is left of the instances of a period.
    Rolled(Box<Rolled>),
}

impl RowValue {
    /// The value as a bare number or deletion, if it is one.
    #[inline]
    pub(super) fn bare(attribute: &Attribute) -> Option<Self> {
        let is_bare = attribute.sub.is_empty()
            && attribute.expires_at.is_none()
            && attribute.object_type.is_empty();
        if !is_bare {
            return None;
        }
        match &attribute.value {
            AttributeValue::Property(Value::Number(number)) => match number.as_i64() {
                Some(int) => Some(Self::Int(int)),
                None if number.is_f64() => number.as_f64().map(Self::Float),
                None => None,
            },
            AttributeValue::Null => Some(Self::Deleted),
            _ => None,
        }
    }

    /// The value of any attribute.
    pub(super) fn of(attribute: &Attribute, names: &mut Names) -> Self {
        Self::bare(attribute).unwrap_or_else(|| {
            let mut bytes = Vec::with_capacity(64);
            blob::encode(attribute, names, &mut bytes);
            Self::Blob(bytes.into())
        })
    }
}

impl Row {
    /// Whether it says that the attribute was deleted.
    pub(super) fn is_deletion(&self) -> bool {
        match &self.value {
            RowValue::Deleted => true,
            RowValue::Blob(bytes) => bytes.first() == Some(&blob::NULL),
            RowValue::Whole(attribute) => matches!(attribute.value, AttributeValue::Null),
            RowValue::Int(_) | RowValue::Float(_) | RowValue::Rolled(_) => false,
        }
    }

    /// Whether it is an instance, and not what is left of some.
    pub(super) fn is_instance(&self) -> bool {
        !matches!(self.value, RowValue::Rolled(_))
    }

    /// The time that a span speaks of; `None`: the row has none.
    pub(super) fn time(&self, property: TimeProperty) -> Option<Time> {
        let time = match property {
            TimeProperty::ObservedAt => self.observed.then_some(self.moment),
            TimeProperty::CreatedAt => (!self.is_deletion()).then_some(self.created),
            TimeProperty::ModifiedAt => (!self.is_deletion()).then_some(self.modified),
            TimeProperty::DeletedAt => self.is_deletion().then_some(self.modified),
        };
        time.map(Time)
    }

    /// The row of an attribute.
    pub(super) fn of(
        attribute: &Attribute,
        id: InstanceId,
        arrived: InstanceId,
        names: &mut Names,
    ) -> Self {
        Self {
            moment: attribute.observed_at.unwrap_or(attribute.modified_at).0,
            observed: attribute.observed_at.is_some(),
            modified: attribute.modified_at.0,
            created: attribute.created_at.0,
            unit: names.number_of(attribute.unit_code.as_ref()),
            value_type: names.number_of(attribute.value_type.as_ref()),
            id,
            arrived,
            value: RowValue::of(attribute, names),
        }
    }

    /// The attribute of the row; `None` when its bytes are damaged.
    pub(super) fn attribute(
        &self,
        name: &Name,
        dataset_id: Option<&Name>,
        names: &Names,
    ) -> Option<Attribute> {
        if let RowValue::Whole(attribute) = &self.value {
            return Some(Attribute::clone(attribute));
        }
        let mut attribute = Attribute::new(name.clone(), AttributeValue::Null);
        attribute.dataset_id = dataset_id.cloned();
        attribute.observed_at = self.observed.then_some(Time(self.moment));
        attribute.modified_at = Time(self.modified);
        attribute.created_at = Time(self.created);
        attribute.unit_code = names.text(self.unit).cloned();
        attribute.value_type = names.text(self.value_type).cloned();
        match &self.value {
            RowValue::Int(int) => attribute.value = AttributeValue::Property(Value::from(*int)),
            RowValue::Float(float) => {
                let number = Number::from_f64(*float)?;
                attribute.value = AttributeValue::Property(Value::Number(number));
            }
            RowValue::Blob(bytes) => blob::decode(&mut Input(bytes), names, &mut attribute, 0)?,
            RowValue::Rolled(rolled) => return Some(rolled.attribute(attribute)),
            RowValue::Deleted | RowValue::Whole(_) => {}
        }
        Some(attribute)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base::Seq;
    use ngsi::Uris;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::json;
    use spatial::{Geometry, Position};

    use super::*;

    fn any_number() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-5_000i32..5_000, 0i32..5).prop_map(|(m, e)| json!(f64::from(m) / 10f64.powi(e))),
            any::<f64>()
                .prop_filter("finite", |f| f.is_finite())
                .prop_map(Value::from),
            Just(json!(-0.0)),
        ]
    }

    fn any_uris() -> impl Strategy<Value = Uris> {
        prop_oneof![
            "urn:[a-z]{0,5}".prop_map(|uri| Uris::One(uri.into())),
            vec("urn:[a-z]{0,5}".prop_map(Name::from), 0..3).prop_map(Uris::Many),
        ]
    }

    fn any_value() -> impl Strategy<Value = AttributeValue> {
        let object = json!({"b": [1, 2.5, "x"], "a": {"c": null, "d": true}});
        prop_oneof![
            6 => any_number().prop_map(AttributeValue::Property),
            2 => ".{0,8}".prop_map(|text| AttributeValue::Property(text.into())),
            1 => Just(AttributeValue::Property(object.clone())),
            1 => any_uris().prop_map(AttributeValue::Relationship),
            1 => (-180f64..180., -90f64..90.).prop_map(|(lon, lat)| AttributeValue::Geo(
                Geometry::point(Position::new(lon, lat)).expect("a place on earth")
            )),
            1 => Just(AttributeValue::Language(json!({"fr": "a", "de": ["b"]}).as_object()
                .cloned().unwrap_or_default())),
            1 => Just(AttributeValue::Json(object)),
            1 => any_uris().prop_map(AttributeValue::Vocab),
            1 => vec(any_number(), 0..3).prop_map(AttributeValue::List),
            1 => vec("urn:[a-z]{0,3}".prop_map(Name::from), 0..3)
                .prop_map(AttributeValue::ListRelationship),
            1 => Just(AttributeValue::Null),
        ]
    }

    fn any_time() -> impl Strategy<Value = Time> {
        prop_oneof![
            4 => (0i64..40).prop_map(Time),
            1 => any::<i64>().prop_map(Time),
        ]
    }

    /// Attributes of every shape, with times that often fall together.
    pub(in crate::history) fn any_attribute(
        name: &'static str,
    ) -> impl Strategy<Value = Attribute> {
        let times = (
            any_time(),
            any_time(),
            option::of(any_time()),
            option::weighted(0.1, any_time()),
        );
        let words = (
            option::of("[A-C]"),
            option::weighted(0.2, "[A-C]"),
            option::weighted(0.3, "urn:[d-f]"),
        );
        let leaf = (any_value(), times, words).prop_map(move |(value, times, words)| {
            let mut attribute = Attribute::new(name.into(), value);
            (
                attribute.created_at,
                attribute.modified_at,
                attribute.observed_at,
                attribute.expires_at,
            ) = times;
            attribute.unit_code = words.0.map(Name::from);
            attribute.value_type = words.1.map(Name::from);
            attribute.dataset_id = words.2.map(Name::from);
            attribute
        });
        let leaf = leaf.boxed();
        (
            leaf.clone(),
            prop_oneof![8 => Just(Vec::new()).boxed(), 1 => vec(leaf, 1..3).boxed()],
        )
            .prop_map(|(mut attribute, sub)| {
                attribute.sub = sub;
                if let AttributeValue::Relationship(_) = attribute.value {
                    attribute.object_type = vec!["T".into()];
                }
                attribute
            })
    }

    proptest! {
        #[test]
        fn an_attribute_comes_back_from_its_row(attribute in any_attribute("a")) {
            let mut names = Names::default();
            let id = InstanceId { seq: Seq(3), index: 1 };
            let row = Row::of(&attribute, id, id, &mut names);
            let back = row.attribute(&attribute.name, attribute.dataset_id.as_ref(), &names);
            prop_assert_eq!(back, Some(attribute));
        }

        #[test]
        fn a_damaged_blob_is_refused_without_harm(
            attribute in any_attribute("a"), at in 0usize..200, mask in 1u8..,
        ) {
            let mut names = Names::default();
            let mut bytes = Vec::new();
            blob::encode(&attribute, &mut names, &mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= mask;
            let mut back = Attribute::new("a".into(), AttributeValue::Null);
            let _any = blob::decode(&mut Input(&bytes), &names, &mut back, 0);
        }
    }
}

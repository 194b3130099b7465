//! What may happen to an entity, and what may be asked of it.

use std::collections::BTreeSet;

use base::Time;
use ngsi::temporal::{Bound, Span, TimeProperty};
use ngsi::{Attribute, AttributeValue};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::history::row::tests::any_attribute;

/// What happens to one of a few entities.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Put(Vec<Attribute>),
    Patch(Vec<Attribute>, bool),
    Delete,
    Add(Vec<Attribute>, bool),
    RemoveAttribute(bool),
    RemoveInstance(usize),
    ReplaceInstance(usize, Box<Attribute>),
    RemoveEntity,
    Seal,
    Merge,
    Reopen,
    /// Parcels of so many rows go to the archive; then they are let go of.
    Give(u64, bool),
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    vec(prop_oneof![any_attribute("a"), any_attribute("b")], 0..4).prop_map(|mut all| {
        let mut seen = BTreeSet::new();
        all.retain(|a| !matches!(a.value, AttributeValue::Null) && seen.insert(a.key()));
        all
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => attributes().prop_map(Step::Put),
        8 => (attributes(), any::<bool>()).prop_map(|(a, gone)| Step::Patch(a, gone)),
        1 => Just(Step::Delete),
        2 => (vec(any_attribute("a"), 0..4), any::<bool>()).prop_map(|(a, t)| Step::Add(a, t)),
        1 => any::<bool>().prop_map(Step::RemoveAttribute),
        2 => any::<usize>().prop_map(Step::RemoveInstance),
        2 => (any::<usize>(), any_attribute("a")).prop_map(|(n, a)| Step::ReplaceInstance(n, Box::new(a))),
        1 => Just(Step::RemoveEntity),
        3 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => Just(Step::Reopen),
        3 => (prop_oneof![Just(1), Just(7), Just(u64::MAX)], any::<bool>())
            .prop_map(|(rows, go)| Step::Give(rows, go)),
    ]
}

pub(super) fn span() -> impl Strategy<Value = Span> {
    let bound = || {
        option::of((0i64..40, any::<bool>())).prop_map(|b| {
            b.map(|(t, inclusive)| Bound {
                time: Time(t),
                inclusive,
            })
        })
    };
    let property = prop_oneof![
        Just(TimeProperty::ObservedAt),
        Just(TimeProperty::CreatedAt),
        Just(TimeProperty::ModifiedAt),
        Just(TimeProperty::DeletedAt),
    ];
    let attributes = option::of(vec(prop_oneof![Just("a".into()), Just("x".into())], 0..2));
    let limit = prop_oneof![0usize..5, Just(usize::MAX)];
    (attributes, property, bound(), bound(), limit, any::<bool>()).prop_map(
        |(attributes, property, from, until, limit, last)| Span {
            attributes,
            property,
            from,
            until,
            limit,
            last,
        },
    )
}

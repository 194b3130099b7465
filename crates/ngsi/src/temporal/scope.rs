//! The scope over time: it is kept as the series of a Property of the standard's own name, and a
//! scope is valid until the next one takes its place or it is removed [CIM-009 §4.5.6, §4.18].

use base::{Name, Time};
use serde_json::Value;

use super::{Instance, Span};
use crate::entity::{Attribute, AttributeValue};
use crate::patch::SCOPE;

/// An instance that says that the scope became this at `at`; nothing: that it was removed.
///
/// What the core API changes is observed when it is modified [CIM-009 §4.5.6].
pub fn instance(scopes: &[Name], at: Time) -> Attribute {
    let value = match scopes {
        [] => AttributeValue::Null,
        [one] => AttributeValue::Property(Value::from(&**one)),
        many => AttributeValue::Property(many.iter().map(|scope| Value::from(&**scope)).collect()),
    };
    let mut instance = Attribute::new(Name::from(SCOPE), value);
    instance.observed_at = (!scopes.is_empty()).then_some(at);
    instance.stamp(at, at);
    instance
}

/// The scopes that an instance says; none when it says that they were removed.
pub fn scopes(instance: &Attribute) -> Vec<Name> {
    match &instance.value {
        AttributeValue::Property(Value::String(scope)) => vec![Name::from(scope.as_str())],
        AttributeValue::Property(Value::Array(scopes)) => scopes
            .iter()
            .filter_map(Value::as_str)
            .map(Name::from)
            .collect(),
        _ => Vec::new(),
    }
}

/// The time through which one instance of the scope was valid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validity<'i> {
    /// The instance.
    pub instance: &'i Instance,
    /// From when on.
    pub from: Time,
    /// To before when; `None`: to this day.
    pub until: Option<Time>,
}

/// How long each instance was valid, by the times that the span speaks of.
pub fn validities<'i>(instances: &'i [Instance], span: &Span) -> Vec<Validity<'i>> {
    let mut instances: Vec<(Time, &Instance)> = instances
        .iter()
        .map(|i| (span.moment_of(&i.attribute), i))
        .collect();
    instances.sort_by_key(|(moment, instance)| (*moment, instance.id));
    let ends = instances
        .iter()
        .skip(1)
        .map(|(moment, _)| Some(*moment))
        .chain([None]);
    instances
        .iter()
        .zip(ends)
        .map(|((from, instance), until)| Validity {
            instance,
            from: *from,
            until,
        })
        .collect()
}

impl Validity<'_> {
    /// Whether the scope was valid at that time.
    pub fn holds(&self, time: Time) -> bool {
        time >= self.from && self.until.is_none_or(|until| time < until)
    }

    /// Whether it was valid at any time of the span.
    pub fn meets(&self, span: &Span) -> bool {
        let ends = |bound: super::Bound| self.until.is_none_or(|until| until > bound.time);
        let begins = |bound: super::Bound| {
            self.from < bound.time || (bound.inclusive && self.from == bound.time)
        };
        span.from.is_none_or(ends) && span.until.is_none_or(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bound, InstanceId};
    use super::*;
    use base::Seq;

    fn at(second: i64) -> Time {
        Time::from_seconds(second)
    }

    fn set(seq: u64, scopes: &[&str], second: i64) -> Instance {
        let scopes: Vec<Name> = scopes.iter().copied().map(Name::from).collect();
        Instance {
            id: InstanceId {
                seq: Seq(seq),
                index: 0,
            },
            attribute: instance(&scopes, at(second)),
        }
    }

    #[test]
    fn what_an_instance_says_reads_back() {
        for wanted in [vec![], vec!["/A"], vec!["/A/B", "/C"]] {
            let names: Vec<Name> = wanted.into_iter().map(Name::from).collect();
            assert_eq!(scopes(&instance(&names, at(1))), names);
        }
    }

    #[test]
    fn a_scope_is_valid_until_the_next_one() {
        let history = [set(2, &["/S"], 30), set(1, &["/R"], 10), set(3, &[], 50)];
        let span = Span::all(10);
        let found = validities(&history, &span);
        let times: Vec<_> = found.iter().map(|v| (v.from, v.until)).collect();
        assert_eq!(
            times,
            [
                (at(10), Some(at(30))),
                (at(30), Some(at(50))),
                (at(50), None)
            ]
        );
        assert!(found[0].holds(at(10)) && !found[0].holds(at(30)) && found[1].holds(at(30)));
        let hour = Span {
            from: Some(Bound {
                time: at(30),
                inclusive: true,
            }),
            until: Some(Bound {
                time: at(50),
                inclusive: false,
            }),
            ..span
        };
        let met: Vec<_> = found.iter().map(|v| v.meets(&hour)).collect();
        assert_eq!(met, [false, true, false]);
    }
}

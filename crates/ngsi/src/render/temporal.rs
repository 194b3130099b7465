//! The temporal representations of entities: series of instances, pairs of value and time,
//! aggregated values [CIM-009 §4.5.6 to §4.5.9, §4.5.19].

use std::collections::HashMap;

use base::Time;

use super::{Out, Renderer};
use crate::aggregate::{Aggregated, Row};
use crate::entity::{Attribute, AttributeKey, AttributeKind, AttributeValue, NULL};
use crate::query::Member;
use crate::temporal::{Evolution, Head, Instance, Series, Span, period_text};

/// The representation of an entity over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemporalFormat {
    /// Every instance with everything said.
    #[default]
    Normalized,
    /// Pairs of value and time (`temporalValues`).
    Values,
}

/// An entity over time, and what of it is shown.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The entity.
    pub evolution: &'a Evolution,
    /// The instances of its scope, oldest first.
    pub scope: &'a [Instance],
    /// The kinds of attributes of which there are only deletions among the instances.
    pub kinds: &'a HashMap<AttributeKey, AttributeKind>,
    /// The span asked for: its times stand beside the values.
    pub span: &'a Span,
    /// Where the answer was cut, if it was.
    pub cut: Option<Cut>,
}

/// Where an answer with too many instances is cut: at one time for all series, so that all there
/// is within its range is in it [CIM-009 §6.3.10].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The last moment of the answer, or its first one with `lastN`.
    pub edge: Time,
    /// Whether it is the first one.
    pub is_start: bool,
}

impl Cut {
    /// Whether an instance of that moment stays.
    pub fn keeps(self, moment: Time) -> bool {
        if self.is_start {
            moment >= self.edge
        } else {
            moment <= self.edge
        }
    }
}

impl Shown<'_> {
    fn keeps(&self, instance: &Instance) -> bool {
        self.cut
            .is_none_or(|cut| cut.keeps(self.span.moment_of(&instance.attribute)))
    }

    /// The kind of an attribute, which a deletion alone does not tell.
    fn kind(&self, series: &Series) -> AttributeKind {
        let told = series
            .instances
            .iter()
            .find_map(|i| i.attribute.value.kind());
        let key = || AttributeKey {
            name: series.name.clone(),
            dataset_id: series.dataset_id.clone(),
        };
        told.or_else(|| self.kinds.get(&key()).copied())
            .unwrap_or(AttributeKind::Property)
    }
}

impl Renderer<'_> {
    /// Writes an entity over time.
    pub fn evolution(
        &self,
        out: &mut Out,
        shown: &Shown<'_>,
        format: TemporalFormat,
        context_member: Option<&str>,
    ) {
        out.object(|out| {
            self.head(out, &shown.evolution.head);
            self.scope_over_time(out, shown, format);
            for group in shown.evolution.series.chunk_by(|a, b| a.name == b.name) {
                self.group(out, group, shown, format);
            }
            if let Some(context) = context_member {
                out.key("@context");
                out.raw(context);
            }
        });
    }

    /// Writes an entity with aggregated values, by attribute and then dataset. `end` is where the
    /// time asked for ends.
    pub fn aggregated(
        &self,
        out: &mut Out,
        head: &Head,
        attributes: &[(AttributeKey, Aggregated<'_>)],
        end: Option<Time>,
        context_member: Option<&str>,
    ) {
        out.object(|out| {
            self.head(out, head);
            for group in attributes.chunk_by(|(a, _), (b, _)| a.name == b.name) {
                let Some((first, _)) = group.first() else {
                    continue;
                };
                if self
                    .projection
                    .is_some_and(|p| !p.shows_attribute(&first.name))
                {
                    continue;
                }
                out.key(&self.context.compact_term(&first.name));
                one_or_array(out, group, |out, (key, all)| rows(out, key, all, end));
            }
            if let Some(context) = context_member {
                out.key("@context");
                out.raw(context);
            }
        });
    }

    fn shows(&self, member: Member) -> bool {
        self.projection.is_none_or(|p| p.shows(member))
    }

    fn head(&self, out: &mut Out, head: &Head) {
        if self.shows(Member::Id) {
            out.member_text("id", &head.id);
        }
        if self.shows(Member::Type) {
            out.key("type");
            self.names(out, &head.types);
        }
        if !self.sys_attrs {
            return;
        }
        if self.shows(Member::CreatedAt) {
            out.member_time("createdAt", head.created_at);
        }
        if self.shows(Member::ModifiedAt) {
            out.member_time("modifiedAt", head.modified_at);
        }
        if let Some(deleted_at) = head.deleted_at {
            out.member_time("deletedAt", deleted_at);
        }
        if let (Some(end), true) = (head.expires_at, self.shows(Member::ExpiresAt)) {
            out.member_time("expiresAt", end);
        }
    }

    /// The scope as a Property over time. That it was removed is an empty value, as the scope has
    /// no NGSI-LD Null of its own [CIM-009 §4.5.6, §4.18].
    fn scope_over_time(&self, out: &mut Out, shown: &Shown<'_>, format: TemporalFormat) {
        if shown.scope.is_empty() || !self.shows(Member::Scope) {
            return;
        }
        let value = |out: &mut Out, instance: &Instance| match &instance.attribute.value {
            AttributeValue::Null => out.raw("[]"),
            value => self.value(out, value),
        };
        out.key("scope");
        match format {
            TemporalFormat::Normalized => out.array(|out| {
                for instance in shown.scope {
                    out.item();
                    out.object(|out| {
                        out.member_text("type", "Property");
                        out.key("value");
                        value(out, instance);
                        self.times(out, instance);
                    });
                }
            }),
            TemporalFormat::Values => out.object(|out| {
                out.member_text("type", "Property");
                out.key("values");
                out.array(|out| {
                    for instance in shown.scope {
                        pair(out, shown.span.moment_of(&instance.attribute), |out| {
                            value(out, instance);
                        });
                    }
                });
            }),
        }
    }

    /// Times and identity of an instance that has no other metadata.
    fn times(&self, out: &mut Out, instance: &Instance) {
        let attribute = &instance.attribute;
        if let Some(observed_at) = attribute.observed_at {
            out.member_time("observedAt", observed_at);
        }
        if matches!(attribute.value, AttributeValue::Null) {
            out.member_time("deletedAt", attribute.modified_at);
        } else if self.sys_attrs {
            out.member_time("createdAt", attribute.created_at);
            out.member_time("modifiedAt", attribute.modified_at);
        }
        out.member_text("instanceId", &instance.id.to_string());
    }

    /// All datasets of one attribute. What has expired is not shown; an attribute of which the
    /// answer has no room for any instance is empty, to say that it is there.
    fn group(&self, out: &mut Out, group: &[Series], shown: &Shown<'_>, format: TemporalFormat) {
        let is_there = |i: &&Instance| !i.attribute.is_expired(self.now);
        let kept = |i: &&Instance| is_there(i) && shown.keeps(i);
        let there: Vec<&Series> = group
            .iter()
            .filter(|s| s.instances.iter().any(|i| is_there(&i)))
            .collect();
        let full: Vec<&Series> = there
            .iter()
            .copied()
            .filter(|s| s.instances.iter().any(|i| kept(&i)))
            .collect();
        let Some(first) = there.first() else { return };
        if self
            .projection
            .is_some_and(|p| !p.shows_attribute(&first.name))
        {
            return;
        }
        out.key(&self.context.compact_term(&first.name));
        match format {
            TemporalFormat::Normalized => out.array(|out| {
                for series in full {
                    let kind = shown.kind(series);
                    for instance in series.instances.iter().filter(kept) {
                        out.item();
                        self.instance(out, instance, kind);
                    }
                }
            }),
            TemporalFormat::Values => {
                let series = if full.is_empty() { there } else { full };
                one_or_array(out, &series, |out, series| {
                    let instances: Vec<&Instance> = series.instances.iter().filter(kept).collect();
                    self.pairs(out, series, shown, &instances);
                });
            }
        }
    }

    fn instance(&self, out: &mut Out, instance: &Instance, kind: AttributeKind) {
        let attribute = &instance.attribute;
        out.object(|out| {
            if matches!(attribute.value, AttributeValue::Null) {
                out.member_text("type", kind.word());
                out.key(kind.member());
                null(out, kind);
                if let Some(dataset_id) = &attribute.dataset_id {
                    out.member_text("datasetId", dataset_id);
                }
                self.times(out, instance);
            } else {
                self.typed_value(out, attribute, None, usize::MAX);
                self.metadata(out, attribute);
                out.member_text("instanceId", &instance.id.to_string());
            }
        });
    }

    /// The simplified temporal representation of one series [CIM-009 §4.5.9].
    fn pairs(&self, out: &mut Out, series: &Series, shown: &Shown<'_>, instances: &[&Instance]) {
        let kind = shown.kind(series);
        let in_language = kind == AttributeKind::LanguageProperty && self.languages.is_some();
        let (word, member) = if in_language {
            ("Property", "values")
        } else {
            (kind.word(), plural(kind))
        };
        out.object(|out| {
            out.member_text("type", word);
            if let Some(dataset_id) = &series.dataset_id {
                out.member_text("datasetId", dataset_id);
            }
            out.key(member);
            out.array(|out| {
                for instance in instances {
                    let attribute = &instance.attribute;
                    pair(out, shown.span.moment_of(attribute), |out| {
                        self.paired_value(out, attribute, kind);
                    });
                }
            });
            rolled_up(out, instances, shown.span);
        });
    }

    fn paired_value(&self, out: &mut Out, attribute: &Attribute, kind: AttributeKind) {
        let value = &attribute.value;
        let wrapper = match kind {
            AttributeKind::LanguageProperty => "languageMap",
            AttributeKind::JsonProperty => "json",
            AttributeKind::VocabProperty => "vocab",
            _ => "",
        };
        let chosen = match value {
            AttributeValue::Language(map) => self.languages.as_ref().and_then(|l| l.choose(map)),
            _ => None,
        };
        let plain = |out: &mut Out| match value {
            AttributeValue::Null => null(out, kind),
            AttributeValue::ListRelationship(uris) => out.array(|out| {
                for uri in uris {
                    out.item();
                    out.text(uri);
                }
            }),
            value => self.value(out, value),
        };
        if let Some((_, text)) = chosen {
            out.value(text);
        } else if wrapper.is_empty() {
            plain(out);
        } else {
            out.object(|out| {
                out.key(wrapper);
                plain(out);
            });
        }
    }
}

/// A value and its time, as an item of an array.
fn pair(out: &mut Out, time: Time, value: impl FnOnce(&mut Out)) {
    out.item();
    out.array(|out| {
        out.item();
        value(out);
        out.item();
        out.text(&time.to_string());
    });
}

/// Says which of the pairs stand for periods whose instances are no longer kept: the period, and the
/// times of the first and the last of the pairs that do so one after the other.
fn rolled_up(out: &mut Out, instances: &[&Instance], span: &Span) {
    let mut runs: Vec<(i64, Time, Time)> = Vec::new();
    let mut before = None;
    for instance in instances {
        let period = instance.as_rolled().map(|rolled| rolled.period);
        let time = span.moment_of(&instance.attribute);
        match (period, runs.last_mut()) {
            (Some(_), Some(run)) if period == before => run.2 = time,
            (Some(period), _) => runs.push((period, time, time)),
            (None, _) => {}
        }
        before = period;
    }
    if runs.is_empty() {
        return;
    }
    out.key("rolledUp");
    out.array(|out| {
        for (length, first, last) in runs {
            period(out, &(period_text(length).into(), first, last));
        }
    });
}

/// The aggregated values of one attribute and dataset, method by method.
fn rows(out: &mut Out, key: &AttributeKey, all: &Aggregated<'_>, end: Option<Time>) {
    out.object(|out| {
        out.member_text("type", all.kind().word());
        if let Some(dataset_id) = &key.dataset_id {
            out.member_text("datasetId", dataset_id);
        }
        for (method, rows) in all.rows(end) {
            out.key(method.word());
            out.array(|out| rows.iter().for_each(|row| period(out, row)));
        }
        if let Some(blur) = all.blur(end) {
            out.key("rolledUp");
            out.array(|out| {
                for text in blur.period_texts() {
                    out.item();
                    out.text(&text);
                }
            });
        }
    });
}

/// A value with the start and the end of its period, as an item of an array.
fn period(out: &mut Out, (value, from, until): &Row) {
    out.item();
    out.array(|out| {
        out.item();
        out.value(value);
        for time in [from, until] {
            out.item();
            out.text(&time.to_string());
        }
    });
}

/// One thing as such, several as an array.
fn one_or_array<T>(out: &mut Out, items: &[T], write: impl Fn(&mut Out, &T)) {
    if let [one] = items {
        return write(out, one);
    }
    out.array(|out| {
        for item in items {
            out.item();
            write(out, item);
        }
    });
}

/// The NGSI-LD Null in the encoding of a kind [CIM-009 §4.5.18].
pub(super) fn null(out: &mut Out, kind: AttributeKind) {
    match kind {
        AttributeKind::LanguageProperty => out.object(|out| out.member_text("@none", NULL)),
        AttributeKind::ListProperty | AttributeKind::ListRelationship => out.array(|out| {
            out.item();
            out.text(NULL);
        }),
        _ => out.text(NULL),
    }
}

fn plural(kind: AttributeKind) -> &'static str {
    match kind {
        AttributeKind::Property | AttributeKind::GeoProperty => "values",
        AttributeKind::Relationship => "objects",
        AttributeKind::LanguageProperty => "languageMaps",
        AttributeKind::JsonProperty => "jsons",
        AttributeKind::VocabProperty => "vocabs",
        AttributeKind::ListProperty => "valueLists",
        AttributeKind::ListRelationship => "objectLists",
    }
}

#[cfg(test)]
mod tests;

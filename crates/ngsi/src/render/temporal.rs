//! The temporal representation of entities: series of instances [CIM-009 §4.5.6 to §4.5.9].

use super::{Out, Renderer};
use crate::entity::{AttributeKind, AttributeValue, NULL};
use crate::query::Member;
use crate::temporal::{Evolution, Head, Instance, Series, Span};

/// The representation of an entity over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemporalFormat {
    /// Every instance with everything said.
    #[default]
    Normalized,
    /// Pairs of value and time (`temporalValues`).
    Values,
}

impl Renderer<'_> {
    /// Writes an entity over time. The span says which time stands beside a simplified value.
    pub fn evolution(
        &self,
        out: &mut Out,
        evolution: &Evolution,
        span: &Span,
        format: TemporalFormat,
        context_member: Option<&str>,
    ) {
        out.object(|out| {
            self.head(out, &evolution.head);
            for group in evolution.series.chunk_by(|a, b| a.name == b.name) {
                self.group(out, group, span, format);
            }
            if let Some(context) = context_member {
                out.key("@context");
                out.raw(context);
            }
        });
    }

    fn head(&self, out: &mut Out, head: &Head) {
        let shows = |member: Member| self.projection.is_none_or(|p| p.shows(member));
        if shows(Member::Id) {
            out.member_text("id", &head.id);
        }
        if shows(Member::Type) {
            out.key("type");
            self.names(out, &head.types);
        }
        if !head.scope.is_empty() && shows(Member::Scope) {
            out.key("scope");
            out.texts(head.scope.iter().map(|s| &**s));
        }
        if self.sys_attrs {
            out.member_time("createdAt", head.created_at);
            out.member_time("modifiedAt", head.modified_at);
            if let Some(deleted_at) = head.deleted_at {
                out.member_time("deletedAt", deleted_at);
            }
            if let Some(end) = head.expires_at {
                out.member_time("expiresAt", end);
            }
        }
    }

    /// All datasets of one attribute.
    fn group(&self, out: &mut Out, group: &[Series], span: &Span, format: TemporalFormat) {
        let Some(first) = group.first() else { return };
        if self
            .projection
            .is_some_and(|p| !p.shows_attribute(&first.name))
        {
            return;
        }
        out.key(&self.context.compact_term(&first.name));
        match format {
            TemporalFormat::Normalized => out.array(|out| {
                for instance in group.iter().flat_map(|series| &series.instances) {
                    out.item();
                    self.instance(out, instance);
                }
            }),
            TemporalFormat::Values if group.len() == 1 => self.pairs(out, first, span),
            TemporalFormat::Values => out.array(|out| {
                for series in group {
                    out.item();
                    self.pairs(out, series, span);
                }
            }),
        }
    }

    fn instance(&self, out: &mut Out, instance: &Instance) {
        let attribute = &instance.attribute;
        out.object(|out| {
            if matches!(attribute.value, AttributeValue::Null) {
                out.member_text("type", "Property");
                out.member_text("value", NULL);
                if let Some(dataset_id) = &attribute.dataset_id {
                    out.member_text("datasetId", dataset_id);
                }
                out.member_time("deletedAt", attribute.modified_at);
            } else {
                self.typed_value(out, attribute, None, usize::MAX);
                self.metadata(out, attribute);
            }
            out.key("instanceId");
            out.text(&instance.id.to_string());
        });
    }

    /// The simplified temporal representation of one series [CIM-009 §4.5.9].
    fn pairs(&self, out: &mut Out, series: &Series, span: &Span) {
        let kind = series
            .instances
            .iter()
            .find_map(|i| i.attribute.value.kind())
            .unwrap_or(AttributeKind::Property);
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
                for instance in &series.instances {
                    let attribute = &instance.attribute;
                    let time = span.time_of(attribute).unwrap_or(attribute.modified_at);
                    out.item();
                    out.array(|out| {
                        out.item();
                        self.paired_value(out, &attribute.value);
                        out.item();
                        out.text(&time.to_string());
                    });
                }
            });
        });
    }

    fn paired_value(&self, out: &mut Out, value: &AttributeValue) {
        let wrapper = match value {
            AttributeValue::Language(map) => {
                if let Some((_, text)) = self.languages.as_ref().and_then(|l| l.choose(map)) {
                    return out.value(text);
                }
                "languageMap"
            }
            AttributeValue::Json(_) => "json",
            AttributeValue::Vocab(_) => "vocab",
            AttributeValue::ListRelationship(uris) => {
                return out.array(|out| {
                    for uri in uris {
                        out.item();
                        out.text(uri);
                    }
                });
            }
            plain => return self.value(out, plain),
        };
        out.object(|out| {
            out.key(wrapper);
            self.value(out, value);
        });
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

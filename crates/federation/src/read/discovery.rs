//! Which types and attributes there are, here and elsewhere [CIM-009 §5.7.5 to §5.7.10].

use base::Name;
use broker::BrokerError;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use ngsi::AttributeKind;
use ngsi::query::TypeExpr;
use ports::{Census, TypeCensus};
use serde_json::Value;
use trust::{Call, Operation};

use crate::forward::{Ask, Reply, Route, SourceError, Words, segment};
use crate::registry::Wanted;
use crate::{Gateway, Match};

/// Sources asked at once.
const AT_ONCE_MAX: usize = 64;

/// What is to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// The names of types.
    Types,
    /// Types with the names of their attributes.
    TypeDetails,
    /// All that is known of one type.
    TypeInfo(Name),
    /// The names of attributes.
    Attributes,
    /// Attributes with the names of the types that have them.
    AttributeDetails,
    /// All that is known of one attribute.
    AttributeInfo(Name),
}

impl List {
    fn operation(&self) -> &'static str {
        match self {
            Self::Types => "retrieveEntityTypes",
            Self::TypeDetails => "retrieveEntityTypeDetails",
            Self::TypeInfo(_) => "retrieveEntityTypeInfo",
            Self::Attributes => "retrieveAttrTypes",
            Self::AttributeDetails => "retrieveAttrTypeDetails",
            Self::AttributeInfo(_) => "retrieveAttrTypeInfo",
        }
    }

    fn ask(&self, words: Words) -> Ask {
        let path = match self {
            Self::Types | Self::TypeDetails => "/types".to_owned(),
            Self::TypeInfo(name) => format!("/types/{}", segment(&words.short(name))),
            Self::Attributes | Self::AttributeDetails => "/attributes".to_owned(),
            Self::AttributeInfo(name) => format!("/attributes/{}", segment(&words.short(name))),
        };
        let ask = Ask::new(Method::GET, path, words);
        match self {
            Self::TypeDetails | Self::AttributeDetails => ask.with("details", "true"),
            _ => ask,
        }
    }
}

impl Gateway {
    /// The types and attributes that are here, and those that the sources name. What a list does
    /// not speak of, such as the attributes of the sources in a list of types, is left out.
    ///
    /// Limit: an entity of which several sources have a part is counted by each of them.
    pub async fn census(
        &self,
        call: &Call,
        route: &Route,
        list: &List,
        words: &Words,
    ) -> Result<Census, BrokerError> {
        self.broker().authorize(call, Operation::Read)?;
        let mut census = self.broker().census(call).await?;
        if route.local || self.is_alone(&call.tenant) {
            return Ok(census);
        }
        let sources = self.listing(call, list);
        let asked = stream::iter(sources)
            .map(|source| Box::pin(self.listed(call, route, list, (source, words))));
        let listed: Vec<Vec<TypeCensus>> = asked.buffered(AT_ONCE_MAX).collect().await;
        for found in listed.into_iter().flatten() {
            add(&mut census, found);
        }
        census.types.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(census)
    }

    /// The sources that may be asked for a list, each once.
    fn listing(&self, call: &Call, list: &List) -> Vec<Match> {
        let types = match list {
            List::TypeInfo(name) => Some(TypeExpr::any([name.clone()])),
            _ => None,
        };
        let attrs = match list {
            List::AttributeInfo(name) => std::slice::from_ref(name),
            _ => &[],
        };
        let wanted = Wanted {
            operation: list.operation(),
            types: types.as_ref(),
            attrs,
            ..Wanted::default()
        };
        let mut sources = self.registry.matching(&call.tenant, &wanted);
        sources.retain(|m| m.is_allowed);
        sources.dedup_by(|a, b| a.registration.id == b.registration.id);
        sources
    }

    async fn listed(
        &self,
        call: &Call,
        route: &Route,
        list: &List,
        (source, spoken): (Match, &Words),
    ) -> Vec<TypeCensus> {
        let words = self.words(call, &source.registration, spoken).await;
        let words = if words.url().is_some() {
            words
        } else {
            Words::core()
        };
        let ask = list.ask(words.clone());
        let Ok(reply) = self.forward(call, route, &source.registration, ask).await else {
            return Vec::new();
        };
        let place = reply.place;
        match read(list, reply, &words) {
            Ok(mut found) => {
                found.retain(|t| is_offered(&source, t));
                found
            }
            Err(error) => {
                route.explain.failed(place, error);
                Vec::new()
            }
        }
    }
}

/// Whether a source is registered for a type, or the attributes that stand for one.
fn is_offered(source: &Match, found: &TypeCensus) -> bool {
    let information = &source.registration.information;
    information.iter().any(|part| {
        let has_type = found.name.is_empty()
            || part.entities.is_empty()
            || part
                .entities
                .iter()
                .any(|info| info.types.is_empty() || info.types.contains(&found.name));
        let has_attribute = part.has_all_attributes()
            || found.attributes.is_empty()
            || found
                .attributes
                .iter()
                .any(|(name, _, _)| part.attributes().any(|own| own == name));
        has_type && has_attribute
    })
}

/// What a source says; a list that names attributes alone is that of a type without a name.
fn read(list: &List, reply: Reply, words: &Words) -> Result<Vec<TypeCensus>, SourceError> {
    if reply.status == StatusCode::NOT_FOUND {
        return Ok(Vec::new());
    }
    if !reply.is_success() {
        return Err(SourceError::Refused(reply.status.as_u16()));
    }
    let bad = || SourceError::BadReply("it is not the list asked for".to_owned());
    let body = reply.body.ok_or_else(bad)?;
    let found = match list {
        List::Types => {
            names(&body["typeList"], words).map(|all| all.into_iter().map(bare).collect())
        }
        List::TypeDetails => each(&body, |item| {
            let mut found = bare(name(&item["typeName"], words)?);
            let attributes = names(&item["attributeNames"], words)?;
            found.attributes = attributes.into_iter().map(of_no_kind).collect();
            Some(vec![found])
        }),
        List::TypeInfo(_) => each(&body, |item| {
            let mut found = bare(name(&item["typeName"], words)?);
            found.entities = item["entityCount"].as_u64().unwrap_or(0);
            for detail in item["attributeDetails"].as_array()? {
                let attribute = name(&detail["attributeName"], words)?;
                let kinds = kinds(&detail["attributeTypes"]);
                let of_kind = |kind| (attribute.clone(), kind, 0);
                found.attributes.extend(kinds.into_iter().map(of_kind));
            }
            Some(vec![found])
        }),
        List::Attributes => names(&body["attributeList"], words).map(|all| {
            let mut found = bare(Name::from(""));
            found.attributes = all.into_iter().map(of_no_kind).collect();
            vec![found]
        }),
        List::AttributeDetails | List::AttributeInfo(_) => each(&body, |item| {
            let attribute = name(&item["attributeName"], words)?;
            let mut count = item["attributeCount"].as_u64().unwrap_or(0);
            let kinds = kinds(&item["attributeTypes"]);
            let of_type = |name: Name| {
                let mut found = bare(name);
                for kind in &kinds {
                    // The number is that of all types and kinds together: it is given to the first.
                    found
                        .attributes
                        .push((attribute.clone(), *kind, std::mem::take(&mut count)));
                }
                found
            };
            Some(
                names(&item["typeNames"], words)?
                    .into_iter()
                    .map(of_type)
                    .collect(),
            )
        }),
    };
    found.ok_or_else(bad)
}

fn bare(name: Name) -> TypeCensus {
    TypeCensus {
        name,
        entities: 0,
        attributes: Vec::new(),
    }
}

fn of_no_kind(name: Name) -> (Name, AttributeKind, u64) {
    (name, AttributeKind::Property, 0)
}

fn each(
    body: &Value,
    mut one: impl FnMut(&Value) -> Option<Vec<TypeCensus>>,
) -> Option<Vec<TypeCensus>> {
    let items = match body {
        Value::Array(items) => items.as_slice(),
        item => std::slice::from_ref(item),
    };
    let mut all = Vec::new();
    for item in items {
        all.extend(one(item)?);
    }
    Some(all)
}

fn name(value: &Value, words: &Words) -> Option<Name> {
    words.context.expand_name(value.as_str()?).ok()
}

fn names(value: &Value, words: &Words) -> Option<Vec<Name>> {
    match value {
        Value::Array(items) => items.iter().map(|item| name(item, words)).collect(),
        Value::String(_) => Some(vec![name(value, words)?]),
        _ => None,
    }
}

/// Kinds of attribute; a source that names none has properties.
fn kinds(value: &Value) -> Vec<AttributeKind> {
    let words = match value {
        Value::Array(items) => items.as_slice(),
        item => std::slice::from_ref(item),
    };
    let words = words.iter().filter_map(Value::as_str);
    let kinds: Vec<AttributeKind> = words.filter_map(AttributeKind::from_word).collect();
    if kinds.is_empty() {
        vec![AttributeKind::Property]
    } else {
        kinds
    }
}

fn add(census: &mut Census, found: TypeCensus) {
    let Some(known) = census.types.iter_mut().find(|t| t.name == found.name) else {
        census.types.push(found);
        return;
    };
    known.entities += found.entities;
    for (name, kind, number) in found.attributes {
        let like = |(n, k, _): &&mut (Name, AttributeKind, u64)| *n == name && *k == kind;
        match known.attributes.iter_mut().find(like) {
            Some((_, _, all)) => *all += number,
            None => known.attributes.push((name, kind, number)),
        }
    }
    known
        .attributes
        .sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
}

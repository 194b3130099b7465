//! What a command is to another source: a name, a method, a path, a body [CIM-009 §4.20, §6].

use std::borrow::Cow;

use base::Name;
use broker::Command;
use http::Method;
use ngsi::parse::Fragment;
use ngsi::patch::SCOPE;
use ngsi::query::TypeExpr;
use ngsi::temporal::HistoryEdit;
use serde_json::{Map, Value};

use super::split::Said;
use crate::forward::{Words, segment};

/// A command as it is asked of a source.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its name [CIM-009 §4.20].
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// The entity.
    pub(super) id: Name,
    /// Which types it must have, or is said to have; `None`: nobody knows.
    pub(super) types: Option<TypeExpr>,
    /// The attributes that are written, each once.
    pub(super) names: Vec<Name>,
    /// Whether more is said than attributes.
    more: bool,
    pub(super) extent: Extent,
}

/// What of an entity an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The entity as such: it goes, wherever it is.
    Whole,
    /// The attributes named in the body.
    Fragment,
    /// One attribute, named in the path.
    Attribute,
}

impl Operation {
    /// What a source is asked for; `None`: what no other source is ever asked for.
    pub(super) fn of(command: &Command) -> Option<Self> {
        if let Command::IfType { types, command } = command {
            let mut operation = Self::of(command)?;
            operation.types = Some(types.clone());
            return Some(operation);
        }
        let (name, method) = name_of(command)?;
        let mut operation = Self {
            name,
            method,
            id: command.id()?.clone(),
            types: None,
            names: Vec::new(),
            more: false,
            extent: Extent::Attribute,
        };
        match command {
            Command::Create(fragment)
            | Command::Upsert { fragment, .. }
            | Command::Replace { fragment, .. }
            | Command::Append { fragment, .. }
            | Command::Update { fragment, .. }
            | Command::Merge { fragment, .. }
            | Command::AddHistory { fragment, .. } => operation.read(fragment),
            Command::UpdateAttribute { instances, .. }
            | Command::ReplaceAttribute { instances, .. } => {
                operation
                    .names
                    .extend(instances.first().map(|a| a.name.clone()));
            }
            Command::UpdateInstance { attribute, .. } => {
                operation.names.push(attribute.name.clone());
            }
            Command::DeleteAttribute { name, .. }
            | Command::EditHistory {
                edit:
                    HistoryEdit::RemoveAttribute { name, .. } | HistoryEdit::RemoveInstance { name, .. },
                ..
            } => operation.names.push(name.clone()),
            _ => operation.extent = Extent::Whole,
        }
        Some(operation)
    }

    fn read(&mut self, fragment: &Fragment) {
        self.extent = Extent::Fragment;
        self.more = fragment.scope.is_some() || fragment.expires_at.is_some();
        if !fragment.types.is_empty() {
            self.types = Some(TypeExpr::any(fragment.types.iter().cloned()));
        }
        for attribute in &fragment.attributes {
            if self.names.last() != Some(&attribute.name) && !self.names.contains(&attribute.name) {
                self.names.push(attribute.name.clone());
            }
        }
    }

    /// What is written.
    pub(super) fn said(&self) -> Said<'_> {
        Said {
            names: &self.names,
            more: self.more,
        }
    }
}

fn name_of(command: &Command) -> Option<(&'static str, Method)> {
    Some(match command {
        Command::Create(_) => ("createEntity", Method::POST),
        Command::Upsert { .. } => ("upsertBatch", Method::POST),
        Command::Replace { .. } => ("replaceEntity", Method::PUT),
        Command::Append { .. } => ("appendAttrs", Method::POST),
        Command::Update { .. } => ("updateEntity", Method::PATCH),
        Command::Merge { .. } => ("mergeEntity", Method::PATCH),
        Command::UpdateAttribute { .. } => ("updateAttrs", Method::PATCH),
        Command::ReplaceAttribute { .. } => ("replaceAttrs", Method::PUT),
        Command::DeleteAttribute { .. } => ("deleteAttrs", Method::DELETE),
        Command::Delete { .. } => ("deleteEntity", Method::DELETE),
        Command::AddHistory {
            must_exist: false, ..
        } => ("upsertTemporal", Method::POST),
        Command::AddHistory { .. } => ("appendAttrsTemporal", Method::POST),
        Command::UpdateInstance { .. } => ("updateAttrInstanceTemporal", Method::PATCH),
        Command::EditHistory { edit, .. } => match edit {
            HistoryEdit::RemoveEntity => ("deleteTemporal", Method::DELETE),
            HistoryEdit::RemoveAttribute { .. } => ("deleteAttrsTemporal", Method::DELETE),
            HistoryEdit::RemoveInstance { .. } => ("deleteAttrInstanceTemporal", Method::DELETE),
            _ => return None,
        },
        Command::IfType { .. } | Command::Purge { .. } | Command::Sweep { .. } => return None,
    })
}

/// The path of a command beneath `/ngsi-ld/v1`, its names written in `words`.
pub(super) fn path(command: &Command, words: &Words) -> String {
    let entity = |id: &Name| format!("/entities/{}", segment(id));
    let attribute = |name: &Name| match &**name {
        SCOPE => "scope".to_owned(),
        name => segment(&words.short(name)),
    };
    let first = |instances: &[ngsi::Attribute]| match instances.first() {
        Some(instance) => attribute(&instance.name),
        None => String::new(),
    };
    match command {
        Command::IfType { command, .. } => path(command, words),
        Command::Append { id, .. } | Command::Update { id, .. } => format!("{}/attrs", entity(id)),
        Command::UpdateAttribute { id, instances }
        | Command::ReplaceAttribute { id, instances } => {
            format!("{}/attrs/{}", entity(id), first(instances))
        }
        Command::DeleteAttribute { id, name, .. } => {
            format!("{}/attrs/{}", entity(id), attribute(name))
        }
        Command::Replace { id, .. } | Command::Merge { id, .. } | Command::Delete { id } => {
            entity(id)
        }
        Command::AddHistory {
            must_exist: false, ..
        } => "/temporal/entities".to_owned(),
        Command::AddHistory { fragment, .. } => {
            let id = fragment.id.as_ref().map(entity).unwrap_or_default();
            format!("/temporal{id}/attrs")
        }
        Command::UpdateInstance {
            id,
            instance,
            attribute: a,
        } => {
            let (name, instance) = (attribute(&a.name), segment(&instance.to_string()));
            format!("/temporal{}/attrs/{name}/{instance}", entity(id))
        }
        Command::EditHistory { id, edit } => match edit {
            HistoryEdit::RemoveAttribute { name, .. } => {
                format!("/temporal{}/attrs/{}", entity(id), attribute(name))
            }
            HistoryEdit::RemoveInstance { name, instance } => {
                let (name, instance) = (attribute(name), segment(&instance.to_string()));
                format!("/temporal{}/attrs/{name}/{instance}", entity(id))
            }
            _ => format!("/temporal{}", entity(id)),
        },
        Command::Create(_)
        | Command::Upsert { .. }
        | Command::Purge { .. }
        | Command::Sweep { .. } => "/entities".to_owned(),
    }
}

/// The part of a body that is about these attributes, as it was sent; without `@context`. What is
/// said besides attributes goes to a source that has the whole entity.
pub(super) fn part_of(body: &Value, names: &[Name], is_whole: bool, words: &Words) -> Value {
    let Value::Object(members) = body else {
        return body.clone();
    };
    let wanted = |name: &str| match name {
        "@context" => false,
        "id" | "@id" | "type" | "@type" => true,
        "scope" => is_whole || names.iter().any(|n| **n == *SCOPE),
        "expiresAt" | "createdAt" | "modifiedAt" | "deletedAt" => is_whole,
        name => match words.context.expand_name(name) {
            Ok(expanded) => names.contains(&expanded),
            Err(_no_name) => false,
        },
    };
    let part = members.iter().filter(|(name, _)| wanted(name));
    Value::Object(
        part.map(|(n, v)| (n.clone(), v.clone()))
            .collect::<Map<_, _>>(),
    )
}

/// The body of an operation on one attribute.
pub(super) fn without_context(body: &Value) -> Value {
    let mut body = body.clone();
    if let Value::Object(members) = &mut body {
        members.shift_remove("@context");
    }
    body
}

/// The parameters for a source, with the types in its words.
pub(super) fn params(
    params: &[(Cow<'static, str>, String)],
    types: Option<&TypeExpr>,
    words: &Words,
) -> Vec<(Cow<'static, str>, String)> {
    let mut params = params.to_vec();
    for (name, value) in &mut params {
        if let Some(types) = types.filter(|_| name == "type") {
            *value = text_of(types, words);
        }
    }
    params
}

/// A selection of types as text.
fn text_of(types: &TypeExpr, words: &Words) -> String {
    let all_of = |names: &Vec<Name>| match names.as_slice() {
        [] => "*".to_owned(),
        [name] => words.short(name),
        names => {
            let names: Vec<String> = names.iter().map(|name| words.short(name)).collect();
            format!("({})", names.join(";"))
        }
    };
    let any_of: Vec<String> = types.any_of.iter().map(all_of).collect();
    any_of.join(",")
}

/// Leaves of a command what is about these attributes, and what is said besides attributes.
pub(super) fn narrow(command: &mut Command, names: &[Name]) {
    match command {
        Command::IfType { command, .. } => narrow(command, names),
        Command::Create(fragment)
        | Command::Upsert { fragment, .. }
        | Command::Replace { fragment, .. }
        | Command::Append { fragment, .. }
        | Command::Update { fragment, .. }
        | Command::Merge { fragment, .. }
        | Command::AddHistory { fragment, .. } => {
            fragment.attributes.retain(|a| names.contains(&a.name));
        }
        _ => {}
    }
}

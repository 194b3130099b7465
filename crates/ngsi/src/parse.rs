//! From JSON to entities: every representation that the standard lets in [CIM-009 §4.5].
//!
//! Normalized and concise forms are told apart attribute by attribute; what is plain JSON is the
//! value of a Property. Names are expanded here and nowhere later.

mod attribute;
mod error;
mod instances;
pub mod lexical;
mod scope;

use base::{Name, Time, limits};
use jsonld::Context;
use serde_json::{Map, Value};

use crate::entity::{Attribute, Entity};

pub use error::ParseError;

/// What an input stands for, which decides whether the NGSI-LD Null may stand in it
/// [CIM-009 §5.2.1] and whether an attribute may come several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A whole entity: no nulls.
    Whole,
    /// A fragment that updates an entity: nulls delete attributes and sub-attributes
    /// [CIM-009 §5.5.8].
    Update,
    /// A fragment that is merged into an entity: nulls also delete members of values
    /// [CIM-009 §5.5.12].
    Merge,
    /// The temporal evolution of an entity: many instances of an attribute; one whose value is
    /// null says that it was deleted [CIM-009 §4.5.7, §5.5.4].
    Temporal,
}

/// What was read: an entity, or the part of one that a fragment names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fragment {
    /// The URI, if there was one.
    pub id: Option<Name>,
    /// Expanded types; empty: none were named.
    pub types: Vec<Name>,
    /// The scopes; `Some` of nothing: they shall go.
    pub scope: Option<Vec<Name>>,
    /// The end; `Some(None)`: it shall go.
    #[expect(
        clippy::option_option,
        reason = "unsaid and said to be none are two things"
    )]
    pub expires_at: Option<Option<Time>>,
    /// The attribute instances; not stamped.
    pub attributes: Vec<Attribute>,
}

/// Reads inputs in the light of one @context.
#[derive(Debug, Clone, Copy)]
pub struct Parser<'a> {
    context: &'a Context,
    purpose: Purpose,
}

impl Purpose {
    /// Whether the input may leave out what it does not change.
    fn is_fragment(self) -> bool {
        matches!(self, Self::Update | Self::Merge)
    }
}

impl<'a> Parser<'a> {
    /// A parser for one purpose.
    pub fn new(context: &'a Context, purpose: Purpose) -> Self {
        Self { context, purpose }
    }

    /// Reads an entity, which must have an id and a type [CIM-009 §5.2.4].
    pub fn entity(&self, value: Value) -> Result<Fragment, ParseError> {
        let fragment = self.fragment(value)?;
        if fragment.id.is_none() {
            return Err(ParseError::missing(
                "id",
                "an entity needs an id that is a URI",
            ));
        }
        if fragment.types.is_empty() {
            return Err(ParseError::missing("type", "an entity needs a type"));
        }
        Ok(fragment)
    }

    /// Reads an entity or a fragment of one. `@context` is passed over: who called has read it.
    pub fn fragment(&self, value: Value) -> Result<Fragment, ParseError> {
        let Value::Object(members) = value else {
            return Err(ParseError::new("the body", "must be a JSON object"));
        };
        let mut fragment = Fragment::default();
        for (name, value) in members {
            self.member(&mut fragment, &name, value)
                .map_err(|e| e.within(&name))?;
        }
        if fragment.attributes.len() > limits::ATTRIBUTES_MAX {
            return Err(ParseError::limit("attributes", limits::ATTRIBUTES_MAX));
        }
        if self.purpose != Purpose::Temporal {
            refuse_twins(&fragment.attributes)?;
        }
        Ok(fragment)
    }

    /// Reads the body of an operation on one attribute: an instance, or an array of several
    /// [CIM-009 §5.6.4, §5.6.19]. In a fragment an object without a value changes what else it
    /// says.
    pub fn attribute_fragment(
        &self,
        name: &Name,
        value: Value,
    ) -> Result<Vec<Attribute>, ParseError> {
        let within = |e: ParseError| e.within(&self.context.compact_term(name));
        let mut attributes = Vec::new();
        match value {
            Value::Object(members) if self.purpose.is_fragment() && !is_place(&members) => {
                attributes.push(attribute::read(self, name, members, 0).map_err(within)?);
            }
            other => instances::read(self, name, other, 0, &mut attributes).map_err(within)?,
        }
        if self.purpose != Purpose::Temporal {
            refuse_twins(&attributes)?;
        }
        Ok(attributes)
    }

    /// Expands the name of an attribute.
    pub fn attribute_name(&self, name: &str) -> Result<Name, ParseError> {
        lexical::name(name)?;
        let expanded = self.context.expand_name(name)?;
        // `ngsi-ld:hasValue`, or a term of the user's for it, would be shown as `value`.
        let is_core = expanded.starts_with("https://uri.etsi.org/ngsi-ld/");
        let shown = self.context.compact_term(&expanded);
        if is_core
            && (lexical::is_reserved(&shown) || (shown != name && lexical::is_member(&shown)))
        {
            return Err(ParseError::here(
                "stands for a term of the core @context and cannot name an attribute",
            ));
        }
        Ok(expanded)
    }

    fn member(&self, into: &mut Fragment, name: &str, value: Value) -> Result<(), ParseError> {
        match name {
            "@context" | "createdAt" | "modifiedAt" | "deletedAt" => {}
            "id" | "@id" => into.id = Some(entity_id(&value)?),
            "type" | "@type" => into.types = self.type_names(&value)?,
            "scope" if self.purpose == Purpose::Temporal => scope::over_time(self, value, into)?,
            "scope" => into.scope = Some(self.scopes(&value)?),
            "expiresAt" => into.expires_at = Some(self.expires_at(&value)?),
            _ if lexical::is_reserved(name) => {
                return Err(ParseError::here(
                    "is a term of the core @context and cannot name an attribute",
                ));
            }
            _ => {
                let expanded = self.attribute_name(name)?;
                instances::read(self, &expanded, value, 0, &mut into.attributes)?;
            }
        }
        Ok(())
    }

    /// Expands the type or types of an entity.
    pub fn type_names(&self, value: &Value) -> Result<Vec<Name>, ParseError> {
        let mut types: Vec<Name> = Vec::new();
        for text in one_or_many(value)? {
            lexical::name(text)?;
            let expanded = self.context.expand_name(text)?;
            if !types.contains(&expanded) {
                types.push(expanded);
            }
        }
        if types.is_empty() || types.len() > limits::TYPES_MAX {
            return Err(ParseError::limit("types", limits::TYPES_MAX));
        }
        Ok(types)
    }

    fn scopes(&self, value: &Value) -> Result<Vec<Name>, ParseError> {
        if value.as_str() == Some(crate::NULL) && self.purpose.is_fragment() {
            return Ok(Vec::new());
        }
        let mut scopes: Vec<Name> = Vec::new();
        for text in one_or_many(value)? {
            let scope = lexical::scope(text)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.len() > limits::TYPES_MAX {
            return Err(ParseError::limit("scopes", limits::TYPES_MAX));
        }
        Ok(scopes)
    }

    fn expires_at(&self, value: &Value) -> Result<Option<Time>, ParseError> {
        if value.as_str() == Some(crate::NULL) && self.purpose.is_fragment() {
            return Ok(None);
        }
        lexical::date_time(value).map(Some)
    }
}

impl Fragment {
    /// The entity that this input describes, born now. Call after [`Parser::entity`].
    /// Nulls are left out.
    pub fn into_entity(self, now: Time) -> Option<Entity> {
        let mut entity = Entity {
            id: self.id?,
            types: self.types,
            scope: self.scope.unwrap_or_default(),
            created_at: now,
            modified_at: now,
            expires_at: self.expires_at.flatten(),
            attributes: self.attributes,
        };
        entity
            .attributes
            .retain(|a| !matches!(a.value, crate::AttributeValue::Null));
        for attribute in &mut entity.attributes {
            attribute.stamp(now, now);
        }
        Some(entity)
    }
}

/// The id of an entity: a URI that does not stand for nothing.
fn entity_id(value: &Value) -> Result<Name, ParseError> {
    if value.as_str() == Some(crate::NULL) {
        return Err(ParseError::here("the NGSI-LD Null names no entity"));
    }
    lexical::uri_value(value)
}

/// The strings of a string or an array of strings.
fn one_or_many(value: &Value) -> Result<Vec<&str>, ParseError> {
    let must = || ParseError::here("must be a string or an array of strings");
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| item.as_str().ok_or_else(must))
            .collect(),
        _ => Err(must()),
    }
}

/// No two instances of one name may have the same dataset [CIM-009 §4.5.5.1].
fn refuse_twins(attributes: &[Attribute]) -> Result<(), ParseError> {
    let mut keys: Vec<_> = attributes
        .iter()
        .map(|a| (&a.name, &a.dataset_id))
        .collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(ParseError::new(
            pair[0].0,
            "has two instances with the same datasetId: give each its own",
        )),
    }
}

/// Whether an object is a bare GeoJSON geometry.
fn is_place(members: &Map<String, Value>) -> bool {
    members.contains_key("coordinates")
}

/// Whether a JSON object has a member of any of the names.
fn has_any(members: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().any(|name| members.contains_key(*name))
}

//! From JSON to a registration: names are expanded once, then the expanded document is read.
//! A change is merged into the expanded document and the whole is read again.

mod document;
mod members;

use std::sync::Arc;

use base::{Name, Time};
use jsonld::Context;
use ngsi::Entity;
use ngsi::parse::{Parser, Purpose};
use serde_json::{Map, Value};

use super::{
    Information, Management, Mode, OperationSet, REGISTRATION_BYTES_MAX, Registration,
    RegistrationError, Traffic,
};
use members::Members;

pub(crate) use document::expand;

/// The type of every registration.
const TYPE: &str = "ContextSourceRegistration";
/// What stands in a registration that is shown, but is not registered.
const SHOWN_ONLY: [&str; 9] = [
    "@context",
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "status",
    "timesSent",
    "timesFailed",
    "lastSuccess",
    "lastFailure",
];
/// Members that the standard defines; all others are Context Source properties.
const DEFINED: [&str; 24] = [
    "id",
    "type",
    "registrationName",
    "description",
    "information",
    "tenant",
    "observationInterval",
    "managementInterval",
    "location",
    "observationSpace",
    "operationSpace",
    "expiresAt",
    "endpoint",
    "contextSourceInfo",
    "contextSourceAlias",
    "scope",
    "mode",
    "operations",
    "refreshRate",
    "management",
    "localOnly",
    "datasetId",
    "@id",
    "@type",
];
/// What of the defined members describes a source and can be asked for by `csf`.
const DESCRIBING: [&str; 13] = [
    "registrationName",
    "description",
    "tenant",
    "location",
    "observationSpace",
    "operationSpace",
    "endpoint",
    "contextSourceAlias",
    "scope",
    "mode",
    "operations",
    "refreshRate",
    "datasetId",
];

impl Registration {
    /// Reads a registration in the light of its @context. `id` is the one to be given to it if it
    /// says none.
    pub fn read(
        document: &Value,
        context: &Context,
        id: &Name,
        now: Time,
    ) -> Result<Self, RegistrationError> {
        let mut expanded = expand(document, context)?;
        expanded
            .entry("id")
            .or_insert_with(|| Value::String(id.to_string()));
        let read = Self::from_expanded(expanded, (now, now), Arc::default())?;
        read.must_last(now)?;
        Ok(read)
    }

    /// Reads a fragment in the light of its @context and merges it in: what is null goes
    /// [CIM-009 §5.9.3, §5.5.8].
    pub fn merged(
        &self,
        fragment: &Value,
        context: &Context,
        now: Time,
    ) -> Result<Self, RegistrationError> {
        let mut whole = self.document.as_object().cloned().unwrap_or_default();
        for (name, value) in expand(fragment, context)? {
            match name.as_str() {
                "id" if value != *self.id => {
                    let what = "must be that of the path, or be left out";
                    return Err(RegistrationError::member("id", what));
                }
                "type" | "information" | "endpoint" | "id" if is_null(&value) => {
                    return Err(RegistrationError::member(name, "cannot be taken away"));
                }
                _ if is_null(&value) => {
                    whole.remove(&name);
                }
                _ => {
                    whole.insert(name, value);
                }
            }
        }
        let times = (self.created_at, now);
        let read = Self::from_expanded(whole, times, Arc::clone(&self.traffic))?;
        if read.expires_at != self.expires_at {
            read.must_last(now)?;
        }
        Ok(read)
    }

    /// Reads an expanded document; `times` are those of its creation and last change.
    pub(crate) fn from_expanded(
        document: Map<String, Value>,
        times: (Time, Time),
        traffic: Arc<Traffic>,
    ) -> Result<Self, RegistrationError> {
        let document = Value::Object(document);
        if document.to_string().len() > REGISTRATION_BYTES_MAX {
            let what = format!("are more than {REGISTRATION_BYTES_MAX} bytes");
            return Err(RegistrationError::member("its members", what));
        }
        let members = Members::of(&document)?;
        let id = members.id()?;
        let described = described(&id, &document, times)?;
        let (headers, jsonld_context) = members.source_info()?;
        let read = Self {
            mode: members.mode()?,
            operations: members.operations()?,
            information: members.information()?,
            endpoint: members.endpoint()?,
            tenant: members.tenant()?,
            headers,
            jsonld_context,
            management: members.management()?,
            alias: members.alias()?,
            datasets: members.datasets()?,
            observation_interval: members.interval("observationInterval")?,
            management_interval: members.interval("managementInterval")?,
            scope: described.scope.clone(),
            expires_at: members.time("expiresAt")?,
            created_at: times.0,
            modified_at: times.1,
            traffic,
            described: Arc::new(described),
            id,
            document: Arc::new(document),
        };
        read.must_fit()?;
        Ok(read)
    }

    fn must_last(&self, now: Time) -> Result<(), RegistrationError> {
        if self.is_expired(now) {
            return Err(RegistrationError::member("expiresAt", "is in the past"));
        }
        Ok(())
    }

    /// What the mode asks for [CIM-009 §4.3.6.3, §5.9.2.4].
    fn must_fit(&self) -> Result<(), RegistrationError> {
        match self.mode {
            Mode::Exclusive => {
                let exact = |i: &Information| {
                    let by_id = i.entities.iter().all(|e| e.id.is_some());
                    by_id && !i.entities.is_empty() && !i.has_all_attributes()
                };
                if !self.information.iter().all(exact) {
                    return Err(RegistrationError::Together(
                        "an exclusive registration must name entities by id, and their attributes",
                    ));
                }
            }
            Mode::Auxiliary if !OperationSet::auxiliary().includes(self.operations) => {
                return Err(RegistrationError::Together(
                    "an auxiliary registration allows retrieveOps, retrieveEntity and queryEntity alone",
                ));
            }
            Mode::Auxiliary | Mode::Inclusive | Mode::Redirect => {}
        }
        Ok(())
    }
}

fn is_null(value: &Value) -> bool {
    value.is_null() || value == ngsi::NULL
}

/// What is said of the source, as an entity. What cannot be a value of an attribute is left out.
fn described(
    id: &Name,
    document: &Value,
    (created_at, modified_at): (Time, Time),
) -> Result<Entity, RegistrationError> {
    let core = Context::core();
    let parser = Parser::new(&core, Purpose::Whole);
    let mut entity = Entity {
        id: id.clone(),
        types: vec![Name::from(TYPE)],
        scope: Vec::new(),
        created_at,
        modified_at,
        expires_at: None,
        attributes: Vec::new(),
    };
    for (name, value) in document.as_object().into_iter().flatten() {
        if DEFINED.contains(&name.as_str()) && !DESCRIBING.contains(&name.as_str()) {
            continue;
        }
        let one = Value::Object([(name.clone(), value.clone())].into_iter().collect());
        match parser.fragment(one) {
            Ok(mut read) => {
                entity.scope.append(&mut read.scope.unwrap_or_default());
                entity.attributes.append(&mut read.attributes);
            }
            Err(error) if name == "scope" => {
                let member = "scope";
                return Err(RegistrationError::Name { member, error });
            }
            Err(_no_attribute) => {}
        }
    }
    Ok(entity)
}

#[cfg(test)]
mod tests;

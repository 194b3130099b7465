//! Writes: whatever changes an entity goes the same way. [`Asking::begin`] lets it in, the body
//! and its @context are read, and [`Writing::done`] does it and answers.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use base::Name;
use broker::{Command, Done};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use ngsi::parse::{Fragment, Parser, Purpose};
use ngsi::query::TypeExpr;
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::answer;
use crate::error::{Answer, Failure, bad_request};
use crate::outcome::of_update;
use crate::payload::{self, InUse, Payload};
use crate::preferences::Preferences;
use crate::state::Api;

/// Who asks for a change, and with which parameters.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) call: Call,
    pub(crate) query: Query,
}

impl FromRequestParts<Api> for Asking {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
        let Caller(call) = Caller::from_request_parts(parts, api).await?;
        let query = Query::from_request_parts(parts, api).await?;
        Ok(Self { call, query })
    }
}

impl Asking {
    /// Lets the request in, if the caller may do this and its parameters are known.
    pub(crate) fn begin<'a>(
        self,
        api: &'a Api,
        operation: Operation,
        parameters: &[&str],
    ) -> Result<Writing<'a>, Failure> {
        api.broker.authorize(&self.call, operation)?;
        self.query.allow(parameters)?;
        Ok(Writing {
            api,
            call: self.call,
            query: self.query,
            in_use: InUse {
                context: api.contexts.core(),
                member: Value::String(jsonld::CORE_URL.to_owned()),
                prefers: Preferences::default(),
            },
        })
    }
}

/// A change that was let in.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    pub(crate) api: &'a Api,
    pub(crate) call: Call,
    pub(crate) query: Query,
    pub(crate) in_use: InUse,
}

impl Writing<'_> {
    /// Reads the body, one JSON object, and its @context.
    pub(crate) async fn object(&mut self, payload: &Payload) -> Result<Value, Failure> {
        let (value, in_use) = payload.object(self.api, &self.call).await?;
        self.in_use = in_use;
        Ok(value)
    }

    /// Reads the body, a fragment of the entity in the path; it may repeat the id.
    pub(crate) async fn fragment(
        &mut self,
        payload: &Payload,
        purpose: Purpose,
        id: &Name,
    ) -> Result<Fragment, Failure> {
        let value = self.object(payload).await?;
        let fragment = self.parser(purpose).fragment(value)?;
        if fragment.id.as_ref().is_some_and(|other| other != id) {
            return Err(bad_request(
                "the id in the body is another than the one in the path",
            ));
        }
        Ok(fragment)
    }

    /// Takes the @context of a request without a body.
    pub(crate) async fn linked(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        self.in_use = payload::linked(self.api, &self.call, headers).await?;
        Ok(())
    }

    /// Reads inputs in the light of the @context.
    pub(crate) fn parser(&self, purpose: Purpose) -> Parser<'_> {
        Parser::new(&self.in_use.context, purpose)
    }

    /// The expanded name of an attribute in the path.
    pub(crate) fn name(&self, name: &str) -> Result<Name, Failure> {
        Ok(self.parser(Purpose::Whole).attribute_name(name)?)
    }

    /// The same, of something that has instances: an attribute or the scope.
    pub(crate) fn name_or_scope(&self, name: &str) -> Result<Name, Failure> {
        match name {
            "scope" => Ok(Name::from(ngsi::patch::SCOPE)),
            name => self.name(name),
        }
    }

    /// Does it, if the entity is of the `type` asked for [CIM-009 §4.17], and answers.
    pub(crate) async fn done(self, command: Command) -> Answer {
        let command = self.if_type(command)?;
        if !makes_tenants(&command) {
            self.api.broker.known_tenant(&self.call.tenant).await?;
        }
        let id = command.id().cloned().unwrap_or_else(|| "".into());
        let place = match command {
            Command::AddHistory { .. } => "temporal/entities",
            _ => "entities",
        };
        let done = self.api.broker.apply_one(&self.call, command).await?;
        Ok(self.answer(&done, place, &id))
    }

    fn if_type(&self, command: Command) -> Result<Command, Failure> {
        let Some(text) = self.query.get("type") else {
            return Ok(command);
        };
        Ok(Command::IfType {
            types: TypeExpr::parse(text, &self.in_use.context)?,
            command: Box::new(command),
        })
    }

    fn answer(&self, done: &Done, place: &str, id: &Name) -> Response {
        match done {
            Done::Created => answer::created(place, id),
            Done::Changed(outcome) => of_update(outcome, &self.in_use),
            Done::Unchanged | Done::Deleted => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

/// Whether a tenant comes to be with the command [CIM-009 §5.5.10].
fn makes_tenants(command: &Command) -> bool {
    matches!(
        command,
        Command::Create(_)
            | Command::AddHistory {
                must_exist: false,
                ..
            }
    )
}

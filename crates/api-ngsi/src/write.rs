//! Writes: whatever changes an entity goes the same way. [`Asking::begin`] lets it in, the body
//! and its @context are read, and [`Writing::done`] does it and answers.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use base::Name;
use broker::{Command, Done};
use federation::{Part, Route, Words, Write};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use ngsi::parse::{Fragment, Parser, Purpose};
use ngsi::query::TypeExpr;
use ngsi::temporal::HistoryEdit;
use serde_json::Value;
use trust::{Call, Operation};
use web::{Caller, Query};

use crate::answer;
use crate::error::{Answer, Failure, bad_request};
use crate::outcome::{BatchResult, of_all, of_parts, of_update};
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
        let is_local = self.query.flag("local")?;
        Ok(Writing {
            may_concern: api.gateway.may_concern(&self.call, is_local),
            api,
            call: self.call,
            query: self.query,
            in_use: InUse {
                context: api.contexts.core(),
                member: Value::String(jsonld::CORE_URL.to_owned()),
                prefers: Preferences::default(),
            },
            route: Route::default(),
            body: None,
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
    /// Whether other sources may be concerned.
    pub(crate) may_concern: bool,
    /// How the request came here; said only if it may go on.
    route: Route,
    /// The body as it was sent; kept only if it may go on.
    body: Option<Value>,
}

impl Writing<'_> {
    /// Reads the body, one JSON object, and its @context.
    pub(crate) async fn object(&mut self, payload: &Payload) -> Result<Value, Failure> {
        let (value, in_use) = payload.object(self.api, &self.call).await?;
        self.in_use = in_use;
        if self.may_concern {
            self.route = Route::new(&payload.headers, false);
            self.body = Some(value.clone());
        }
        Ok(value)
    }

    /// Reads the body, a fragment of the entity in the path; it may repeat the id. In an update
    /// of attributes the one in the path counts, and another is passed over [CIM-009 §5.6.2.4].
    pub(crate) async fn fragment(
        &mut self,
        payload: &Payload,
        purpose: Purpose,
        id: &Name,
    ) -> Result<Fragment, Failure> {
        let value = self.object(payload).await?;
        let fragment = self.parser(purpose).fragment(value)?;
        if fragment.id.as_ref().is_none_or(|other| other == id) {
            return Ok(fragment);
        }
        if purpose != Purpose::Update {
            return Err(bad_request(
                "the id in the body is another than the one in the path",
            ));
        }
        if let Some(Value::Object(members)) = &mut self.body {
            members.retain(|name, _| !matches!(&**name, "id" | "@id"));
        }
        Ok(fragment)
    }

    /// Takes the @context of a request without a body.
    pub(crate) async fn linked(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        self.in_use = payload::linked(self.api, &self.call, headers).await?;
        if self.may_concern {
            self.route = Route::new(headers, false);
        }
        Ok(())
    }

    /// The same, where nothing in the request but a `type` is written in its words.
    pub(crate) async fn linked_if_used(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        if self.may_concern || self.query.get("type").is_some() {
            self.linked(headers).await?;
        }
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
        if self.may_concern {
            return self.done_with_others(command, place, &id).await;
        }
        let done = self.api.broker.apply_one(&self.call, command).await?;
        Ok(self.answer(&done, place, &id))
    }

    /// Does it together with the sources that it concerns.
    async fn done_with_others(self, command: Command, place: &str, id: &Name) -> Answer {
        let is_whole = is_whole(&command);
        let write = self.going_on(command);
        let gateway = &self.api.gateway;
        let mut parts = gateway.write(&self.call, &self.route, write).await;
        if let Some(failure) = of_all(&parts, is_whole) {
            return Err(failure);
        }
        if let [
            Part {
                registration: None,
                done: Ok(done),
                ..
            },
        ] = &*parts
        {
            return Ok(self.answer(done, place, id));
        }
        if !is_whole {
            return Ok(of_parts(parts, &self.in_use));
        }
        let is_new = parts
            .iter()
            .any(|part| matches!(part.done, Ok(Done::Created)));
        if parts.iter().all(|part| part.done.is_ok()) {
            let done = if is_new { Done::Created } else { Done::Deleted };
            return Ok(self.answer(&done, place, id));
        }
        let mut result = BatchResult::default();
        result.treated(id, std::mem::take(&mut parts));
        Ok(result.answer())
    }

    /// The write as it goes to other sources.
    fn going_on(&self, command: Command) -> Write {
        Write {
            command,
            body: self.body.clone(),
            words: self.words(),
            params: going_on(&self.query),
        }
    }

    /// What became of a selection that other sources were asked to purge.
    pub(crate) async fn purged_elsewhere(&self, selection: &ngsi::Query) -> Vec<Part> {
        if !self.may_concern {
            return Vec::new();
        }
        let (words, params) = (self.words(), going_on(&self.query));
        let gateway = &self.api.gateway;
        gateway
            .purge_elsewhere(&self.call, &self.route, selection, &words, &params)
            .await
    }

    /// Does many writes, each on its own, together with the sources that they concern.
    pub(crate) async fn all_done(
        &self,
        payload: &Payload,
        items: Vec<BatchItem>,
        result: &mut BatchResult,
    ) -> Result<(), Failure> {
        if !self.may_concern {
            let ids: Vec<_> = items.iter().map(|item| item.id.clone()).collect();
            let commands = items.into_iter().map(|item| item.command).collect();
            let done = self.api.broker.apply(&self.call, commands).await?;
            for (id, done) in ids.into_iter().zip(done) {
                result.treated(&id, vec![Part::of_this_node(done)]);
            }
            return Ok(());
        }
        let params = going_on(&self.query);
        let write = |item: BatchItem| Write {
            command: item.command,
            body: item.body,
            words: item.words.unwrap_or_else(Words::core),
            params: params.clone(),
        };
        let writes = items.into_iter().map(write).collect();
        let route = Route::new(&payload.headers, false);
        let gateway = &self.api.gateway;
        for entity in gateway.write_batch(&self.call, &route, writes).await? {
            result.treated(&entity.id, entity.parts);
        }
        Ok(())
    }

    /// The words of the request.
    fn words(&self) -> Words {
        words(&self.in_use)
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

/// One entity of a batch.
#[derive(Debug)]
pub(crate) struct BatchItem {
    pub(crate) id: Name,
    pub(crate) command: Command,
    /// What was sent of it; kept only if it may go on.
    pub(crate) body: Option<Value>,
    /// The words in which it was sent; the core if they are not kept.
    pub(crate) words: Option<Words>,
}

/// The words that a context makes.
pub(crate) fn words(in_use: &InUse) -> Words {
    Words {
        context: Arc::clone(&in_use.context),
        member: in_use.member.clone(),
    }
}

/// The parameters that go on to other sources.
fn going_on(query: &Query) -> Vec<(Cow<'static, str>, String)> {
    let pairs = query.pairs().filter(|(name, _)| *name != "local");
    pairs
        .map(|(name, value)| (Cow::Owned(name.to_owned()), value.to_owned()))
        .collect()
}

/// Whether the command is about an entity, or its history, as such: what became of its parts is
/// told by entity and not by attribute.
fn is_whole(command: &Command) -> bool {
    match command {
        Command::IfType { command, .. } => is_whole(command),
        Command::Create(_) | Command::Delete { .. } => true,
        Command::AddHistory { must_exist, .. } => !must_exist,
        Command::EditHistory { edit, .. } => matches!(edit, HistoryEdit::RemoveEntity),
        _ => false,
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

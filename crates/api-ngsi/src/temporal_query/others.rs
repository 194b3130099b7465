//! What other sources know of the time asked for [CIM-009 §5.7.3, §5.7.4].

use std::collections::BTreeMap;

use axum::response::Response;
use base::Name;
use federation::Question;
use ngsi::temporal::Evolution;
use serde_json::Value;
use web::Query;

use crate::elsewhere::Elsewhere;
use crate::error::Failure;

/// The parameters that say which time is asked for.
const TIME: [&str; 5] = ["timerel", "timeAt", "endTimeAt", "timeproperty", "lastN"];

/// What other sources gave.
#[derive(Debug, Default)]
pub(super) struct Others<'a> {
    on: Option<Elsewhere<'a>>,
    /// Entities over time, by id.
    pub(super) known: BTreeMap<Name, Evolution>,
}

/// The time asked for by a GET, as it was written.
pub(super) fn of_query(query: &Query) -> Vec<(&'static str, String)> {
    let said = TIME.into_iter();
    said.filter_map(|name| Some((name, query.get(name)?.to_owned())))
        .collect()
}

/// The time asked for in a body, as it was written.
pub(super) fn of_body(body: &Value) -> Vec<(&'static str, String)> {
    let said = TIME.into_iter();
    said.filter_map(|name| match body.get("temporalQ")?.get(name)? {
        Value::String(text) => Some((name, text.clone())),
        other => Some((name, other.to_string())),
    })
    .collect()
}

impl<'a> Others<'a> {
    /// Asks them; `on` is `None` when the question is for this node alone.
    pub(super) async fn ask(
        on: Option<Elsewhere<'a>>,
        question: impl FnOnce(&Elsewhere<'a>) -> Question,
        time: &[(&'static str, String)],
        is_one: bool,
    ) -> Result<Self, Failure> {
        let Some(on) = on else {
            return Ok(Self::default());
        };
        let question = question(&on);
        let gateway = &on.api.gateway;
        let known = gateway
            .histories(on.call, &on.route, &question, time, is_one)
            .await?;
        Ok(Self {
            on: Some(on),
            known,
        })
    }

    /// The ids of the entities, in order.
    pub(super) fn ids(&self) -> Vec<Name> {
        self.known.keys().cloned().collect()
    }

    /// Says in an answer which sources are missing.
    pub(super) fn marked(&self, mut response: Response) -> Response {
        if let Some(on) = &self.on {
            on.warn(&mut response);
        }
        response
    }

    /// And in one that says what went wrong.
    pub(super) fn warned(&self, failure: Failure) -> Failure {
        match &self.on {
            Some(on) => on.warned(failure),
            None => failure,
        }
    }
}

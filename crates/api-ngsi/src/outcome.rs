//! Answers to changes: 204, or 207 with what was not done [CIM-009 §5.2.16 to §5.2.18].

use axum::response::{IntoResponse as _, Response};
use base::Name;
use http::StatusCode;
use ngsi::patch::{NotUpdated, Outcome};
use serde_json::{Value, json};
use web::{Media, Problem};

use crate::answer;
use crate::error::Failure;
use crate::payload::InUse;

/// 204 when everything was done; 207 with an UpdateResult otherwise.
pub(crate) fn of_update(outcome: &Outcome, in_use: &InUse) -> Response {
    if outcome.not_updated.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    // Names stand expanded, so that they are the same for whoever reads them.
    let name = |name: &Name| name.to_string();
    let not_updated = |not: &NotUpdated| {
        let mut said = json!({ "attributeName": name(&not.name), "reason": not.reason });
        if let (Value::Object(members), Some(dataset_id)) = (&mut said, &not.dataset_id) {
            members.insert("datasetId".to_owned(), json!(dataset_id));
        }
        said
    };
    let result = json!({
        "updated": outcome.updated.iter().map(name).collect::<Vec<_>>(),
        "notUpdated": outcome.not_updated.iter().map(not_updated).collect::<Vec<_>>(),
    });
    answer::value(StatusCode::MULTI_STATUS, Media::Json, in_use, result)
}

/// What became of the entities of a batch [CIM-009 §5.2.16].
#[derive(Debug, Default)]
pub(crate) struct BatchResult {
    pub(crate) created: Vec<Name>,
    pub(crate) done: Vec<Name>,
    pub(crate) errors: Vec<Value>,
    /// How many of `done` were as wanted already: said in a header for importers.
    pub(crate) unchanged: u64,
}

impl BatchResult {
    /// Notes that something was not done to an entity.
    pub(crate) fn refuse(&mut self, id: Option<&str>, failure: &Failure) {
        let Problem {
            status,
            uri,
            title,
            detail,
            ..
        } = &failure.0;
        let error = json!({
            "type": uri, "title": title, "detail": detail, "status": status.as_u16(),
        });
        let mut entry = json!({ "error": error });
        if let (Value::Object(members), Some(id)) = (&mut entry, id) {
            members.insert("entityId".to_owned(), json!(id));
        }
        self.errors.push(entry);
    }

    /// The answer: 201 with the ids created, 204, or 207 when anything was refused.
    pub(crate) fn answer(self) -> Response {
        let unchanged = self.unchanged;
        let mut response = self.body();
        if unchanged > 0 {
            response
                .headers_mut()
                .insert("chorsu-unchanged", unchanged.into());
        }
        response
    }

    fn body(self) -> Response {
        if !self.errors.is_empty() {
            let success: Vec<&Name> = self.created.iter().chain(&self.done).collect();
            let body = json!({ "success": success, "errors": self.errors });
            return (StatusCode::MULTI_STATUS, axum::Json(body)).into_response();
        }
        if self.created.is_empty() {
            return StatusCode::NO_CONTENT.into_response();
        }
        (StatusCode::CREATED, axum::Json(json!(self.created))).into_response()
    }
}

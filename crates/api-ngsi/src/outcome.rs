//! Answers to changes: 204, or 207 with what was not done [CIM-009 §5.2.16 to §5.2.18].

use axum::response::{IntoResponse as _, Response};
use base::Name;
use broker::Done;
use federation::{Fault, Part, SourceError};
use http::StatusCode;
use ngsi::patch::{NotUpdated, Outcome};
use serde_json::{Value, json};
use web::{Media, NgsiError, Problem};

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

impl From<Fault> for Failure {
    /// [CIM-009 §6.3.17]: what a source says is wrong is passed on; what is wrong with the source
    /// itself is said by the statuses of gateways.
    fn from(fault: Fault) -> Self {
        let detail = fault.to_string();
        let gateway = |status| Problem::plain(status, &detail);
        let problem = match fault {
            Fault::Here(error) => return error.into(),
            Fault::Unsupported { .. } => Problem::ngsi(NgsiError::Conflict, &detail),
            Fault::Source(SourceError::Loop) => gateway(StatusCode::LOOP_DETECTED),
            Fault::Source(SourceError::Late | SourceError::CoolingDown) => {
                gateway(StatusCode::GATEWAY_TIMEOUT)
            }
            Fault::Source(_) => gateway(StatusCode::BAD_GATEWAY),
            Fault::Refused { status, .. } => match status {
                StatusCode::BAD_REQUEST => Problem::ngsi(NgsiError::BadRequestData, &detail),
                StatusCode::NOT_FOUND => Problem::ngsi(NgsiError::ResourceNotFound, &detail),
                StatusCode::CONFLICT => Problem::ngsi(NgsiError::AlreadyExists, &detail),
                StatusCode::UNPROCESSABLE_ENTITY => {
                    Problem::ngsi(NgsiError::OperationNotSupported, &detail)
                }
                StatusCode::GATEWAY_TIMEOUT | StatusCode::LOOP_DETECTED => gateway(status),
                _ => gateway(StatusCode::BAD_GATEWAY),
            },
        };
        Self(problem)
    }
}

/// The failure of a write of which no part was done: that of its only part, or the one that all
/// parts share. Several that failed in different ways are told one by one.
pub(crate) fn of_all(parts: &[Part], is_whole: bool) -> Option<Failure> {
    let faults = || parts.iter().filter_map(|part| part.done.as_ref().err());
    if parts.is_empty() || faults().count() < parts.len() {
        return None;
    }
    let first = Failure::from(faults().next()?.clone());
    let is_shared = faults().all(|fault| Failure::from(fault.clone()).0.uri == first.0.uri);
    let are_conflicts = faults().all(|fault| matches!(fault, Fault::Unsupported { .. }));
    (parts.len() == 1 || are_conflicts || (is_shared && !is_whole)).then_some(first)
}

/// 204 when every part was done; 207 with an `UpdateResult` otherwise. An attribute that was
/// written in one place and not in another stands in both lists.
pub(crate) fn of_parts(parts: Vec<Part>, in_use: &InUse) -> Response {
    let (mut updated, mut not_updated): (Vec<Name>, Vec<Value>) = (Vec::new(), Vec::new());
    for part in parts {
        let mut not = |name: &Name, dataset_id: Option<&Name>, reason: &str| {
            let mut said = json!({ "attributeName": name, "reason": reason });
            if let Some(dataset_id) = dataset_id {
                said["datasetId"] = json!(dataset_id);
            }
            if let Some(registration) = &part.registration {
                said["registrationId"] = json!(registration);
            }
            not_updated.push(said);
        };
        for left in &part.left {
            not(&left.name, left.dataset_id.as_ref(), &left.reason);
        }
        match &part.done {
            Ok(Done::Changed(outcome)) => updated.extend(outcome.updated.iter().cloned()),
            Ok(_) => updated.extend(part.names.iter().cloned()),
            Err(fault) => {
                let reason = Failure::from(fault.clone()).0.detail;
                part.names.iter().for_each(|name| not(name, None, &reason));
            }
        }
    }
    if not_updated.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mut once = std::collections::HashSet::new();
    updated.retain(|name| once.insert(name.clone()));
    let result = json!({ "updated": updated, "notUpdated": not_updated });
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
    /// Notes what became of an entity, part by part. It counts as done if any part of it was; what
    /// was not is told with the registration of the source [CIM-009 §5.2.17].
    pub(crate) fn treated(&mut self, id: &Name, parts: Vec<Part>) {
        let (mut is_done, mut is_new) = (parts.is_empty(), false);
        for part in parts {
            match part.done {
                Ok(done) if part.left.is_empty() => {
                    is_done = true;
                    is_new |= done == Done::Created;
                    self.unchanged += u64::from(done == Done::Unchanged);
                }
                Ok(_) => {
                    let detail = "some attributes were there already and were not overwritten";
                    let problem = Problem::ngsi(NgsiError::BadRequestData, detail);
                    self.refuse_at(Some(id), part.registration.as_ref(), &Failure(problem));
                }
                Err(fault) => {
                    self.refuse_at(Some(id), part.registration.as_ref(), &fault.into());
                }
            }
        }
        match (is_done, is_new) {
            (true, true) => self.created.push(id.clone()),
            (true, false) => self.done.push(id.clone()),
            (false, _) => {}
        }
    }

    /// Notes that something was not done to an entity here.
    pub(crate) fn refuse(&mut self, id: Option<&str>, failure: &Failure) {
        self.refuse_at(id, None, failure);
    }

    /// Notes that something was not done to an entity, here or at a source.
    pub(crate) fn refuse_at(
        &mut self,
        id: Option<&str>,
        registration: Option<&Name>,
        failure: &Failure,
    ) {
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
        if let Some(registration) = registration {
            entry["registrationId"] = json!(registration);
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

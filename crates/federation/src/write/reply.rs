//! What a source answered to a write [CIM-009 §5.2.16 to §5.2.19, §6.3.17].

use base::Name;
use broker::Done;
use http::StatusCode;
use ngsi::patch::Outcome;
use serde_json::Value;

use super::{Fault, Left};
use crate::forward::{Reply, SourceError, Words};

/// Characters that are passed on of what a source says of a problem.
const DETAIL_MAX: usize = 300;

/// What a reply says of the attributes that were sent.
pub(super) fn read(
    reply: Result<Reply, SourceError>,
    names: &[Name],
    words: &Words,
) -> (Result<Done, Fault>, Vec<Left>) {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return (Err(error.into()), Vec::new()),
    };
    match reply.status {
        StatusCode::CREATED => (Ok(Done::Created), Vec::new()),
        StatusCode::MULTI_STATUS => in_part(&reply, names, words),
        status if status.is_success() => (Ok(changed(names, &[])), Vec::new()),
        _ => (Err(refused(&reply)), Vec::new()),
    }
}

fn changed(names: &[Name], left: &[Left]) -> Done {
    let updated = names.iter().filter(|n| !left.iter().any(|l| l.name == **n));
    Done::Changed(Outcome {
        updated: updated.cloned().collect(),
        not_updated: Vec::new(),
    })
}

/// 207: an `UpdateResult`, or the errors of a source that had to ask others itself.
fn in_part(reply: &Reply, names: &[Name], words: &Words) -> (Result<Done, Fault>, Vec<Left>) {
    let body = reply.body.as_ref();
    let errors = body.and_then(|b| b.get("errors")).and_then(Value::as_array);
    if let Some(error) = errors.and_then(|e| e.first()).and_then(|e| e.get("error")) {
        return (Err(problem(error, reply.status)), Vec::new());
    }
    let said = body
        .and_then(|b| b.get("notUpdated"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut left: Vec<Left> = said.filter_map(|not| one_left(not, words)).collect();
    left.retain(|l| names.contains(&l.name));
    if left.is_empty() {
        let reason = "the source did it in part and does not say which";
        let all = names.iter().map(|name| Left {
            name: name.clone(),
            dataset_id: None,
            reason: reason.to_owned(),
        });
        left = all.collect();
    }
    if left.is_empty() {
        let reason = "it did it in part and does not say which".to_owned();
        return (Err(SourceError::BadReply(reason).into()), Vec::new());
    }
    (Ok(changed(names, &left)), left)
}

fn one_left(not: &Value, words: &Words) -> Option<Left> {
    let text = |member: &str| not.get(member).and_then(Value::as_str);
    let reason = text("reason").unwrap_or("the source did not say why");
    Some(Left {
        name: words.context.expand_name(text("attributeName")?).ok()?,
        dataset_id: text("datasetId").map(Name::from),
        reason: shortened(reason),
    })
}

/// What a source that said no said.
pub(super) fn refused(reply: &Reply) -> Fault {
    match &reply.body {
        Some(body) => problem(body, reply.status),
        None => Fault::Refused {
            status: reply.status,
            detail: format!("status {}", reply.status.as_u16()),
        },
    }
}

/// A problem document of a source; of one that names no error the status is `otherwise`.
pub(super) fn problem(body: &Value, otherwise: StatusCode) -> Fault {
    let status = body
        .get("status")
        .and_then(Value::as_u64)
        .and_then(|s| u16::try_from(s).ok())
        .and_then(|s| StatusCode::from_u16(s).ok());
    let status = match status {
        Some(status) if otherwise.is_success() => status,
        _ if otherwise.is_success() => StatusCode::BAD_GATEWAY,
        _ => otherwise,
    };
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let detail = text("detail").or_else(|| text("title"));
    Fault::Refused {
        status,
        detail: match detail {
            Some(detail) => shortened(detail),
            None => format!("status {}", status.as_u16()),
        },
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(DETAIL_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply(status: u16, body: Option<Value>) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: http::HeaderMap::new(),
            body,
            is_garbled: false,
            bytes: 0,
            place: 0,
        }
    }

    fn names() -> Vec<Name> {
        let default = "https://uri.etsi.org/ngsi-ld/default-context/";
        ["speed", "colour"]
            .map(|name| Name::from(format!("{default}{name}")))
            .to_vec()
    }

    #[test]
    fn what_was_left_is_told_from_what_was_done() {
        let body = json!({
            "updated": ["colour"],
            "notUpdated": [{"attributeName": "speed", "reason": "it was there"}],
        });
        let (done, left) = read(Ok(reply(207, Some(body))), &names(), &Words::core());
        let Ok(Done::Changed(outcome)) = done else {
            panic!("it was done in part");
        };
        assert_eq!(outcome.updated, names()[1..]);
        assert_eq!(left[0].name, names()[0]);
        assert_eq!(left[0].reason, "it was there");
    }

    #[test]
    fn of_a_207_without_a_body_nothing_is_taken_for_done() {
        let (_, left) = read(Ok(reply(207, None)), &names(), &Words::core());
        assert_eq!(left.len(), 2);
    }

    #[test]
    fn the_error_of_a_source_behind_the_source_is_told() {
        let body = json!({"success": [], "errors": [
            {"entityId": "urn:a", "error": {"status": 404, "title": "not there"}}]});
        let (done, _) = read(Ok(reply(207, Some(body))), &[], &Words::core());
        assert!(matches!(done, Err(Fault::Refused { status, detail })
            if status == 404 && detail == "not there"));
    }

    #[test]
    fn a_refusal_keeps_its_status_and_its_reason() {
        let body = json!({"status": 200, "detail": "x".repeat(1_000)});
        let (done, _) = read(Ok(reply(409, Some(body))), &names(), &Words::core());
        assert!(matches!(done, Err(Fault::Refused { status, detail })
            if status == 409 && detail.len() == 300));
        let (done, _) = read(Ok(reply(404, None)), &names(), &Words::core());
        assert!(matches!(done, Err(Fault::Refused { status, .. }) if status == 404));
    }
}

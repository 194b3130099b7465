//! Telling whoever wanted to know that a snapshot is ready [CIM-009 §5.3.4, §5.16.6].

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ports::Request;
use serde_json::{Value, json};

use super::{Snapshot, Snapshots};

/// Microseconds that the one who is told has to answer.
const TELL_MICROS_MAX: i64 = 5_000_000;
/// Bytes of an answer, which nobody reads.
const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Headers of `receiverInfo` that are sent.
const HEADERS_MAX: usize = 32;

impl Snapshots {
    /// Sends one notification.
    /// Limit: it is sent once; who missed it asks for the snapshot.
    pub(super) async fn tell(&self, snapshot: &Snapshot) {
        let said = snapshot.said();
        let uri = said
            .endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.get("uri"));
        let Some(uri) = uri.and_then(Value::as_str) else {
            return;
        };
        let now = self.now();
        let body = json!({
            "id": format!("{}:notification:{}", snapshot.id, now.as_micros()),
            "type": "SnapshotNotification",
            "notifiedAt": now.to_string(),
            "snapshotId": snapshot.id,
            "snapshotStatus": said.status.word(),
            "snapshotPriority": said.priority,
            "expiresAt": said.expires_at.to_string(),
            "snapshotQueriesDetails": said.details,
        });
        let request = Request {
            method: Method::POST,
            url: uri.to_owned(),
            headers: headers(said.receiver_info.as_ref()),
            body: Bytes::from(body.to_string()),
            deadline: now.plus_micros(TELL_MICROS_MAX),
            reply_bytes_max: REPLY_BYTES_MAX,
        };
        if let Err(error) = self.parts.outbound.send(request).await {
            tracing::warn!(%error, id = %snapshot.id, "nobody was told that a snapshot is ready");
        }
    }
}

fn headers(receiver_info: Option<&Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let pairs = receiver_info
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for pair in pairs.take(HEADERS_MAX) {
        let text = |member| pair.get(member).and_then(Value::as_str);
        let (Some(key), Some(value)) = (text("key"), text("value")) else {
            continue;
        };
        if let (Ok(key), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            headers.insert(key, value);
        }
    }
    headers
}

//! The body of a request, read whole and bounded in size and time.

use std::sync::Arc;

use axum::body::Body as Incoming;
use axum::extract::{FromRequest, Request};
use base::Time;
use base::limits::BODY_BYTES_MAX;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode, Version};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::app::Kit;
use crate::caller::Arrived;
use crate::problem::Problem;

/// The extractor of the whole body. Too large: 413; too slow: 408; of unsaid length: 411
/// [CIM-009 §6.3.4].
#[derive(Debug, Clone)]
pub struct Body(pub Bytes);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Problem;
    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_length(parts.version, &parts.headers)?;
        let arrived = Arrived::of(&parts)?;
        let (kit, deadline) = (Arc::clone(&arrived.kit), arrived.deadline);
        read(body, &kit, deadline).await.map(Self)
    }
}

fn check_length(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(length) = headers.get(CONTENT_LENGTH) else {
        if version >= Version::HTTP_2 {
            return Ok(());
        }
        return Err(Problem::plain(
            StatusCode::LENGTH_REQUIRED,
            "send the body with a Content-Length, not in chunks",
        ));
    };
    // The HTTP layer has refused what is no number.
    let length = length
        .to_str()
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    Ok(())
}

async fn read(body: Incoming, kit: &Kit, deadline: Time) -> Result<Bytes, Problem> {
    let whole = Limited::new(body, BODY_BYTES_MAX).collect();
    tokio::select! {
        biased;
        whole = whole => match whole {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_broken) => Err(Problem::invalid_request(
                "the body broke off before its Content-Length: send it again",
            )),
        },
        () = kit.clock.sleep_until(deadline) => Err(Problem::plain(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time: send it faster or in smaller parts",
        )),
    }
}

fn too_large() -> Problem {
    Problem::plain(
        StatusCode::PAYLOAD_TOO_LARGE,
        format_args!(
            "a body has at most {} MiB: send smaller batches",
            BODY_BYTES_MAX / (1024 * 1024)
        ),
    )
}

//! The body of a request and its @context [CIM-009 §6.3.5].

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use base::limits;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use jsonld::Context;
use serde_json::Value;
use trust::{Call, Operations};
use web::{Body, Caller, Media};

use crate::error::{Failure, bad_request, invalid_request};
use crate::preferences::Preferences;
use crate::state::Api;

/// The relation of a Link header that names an @context [JSON-LD 1.1 §6.1].
const CONTEXT_REL: &str = "http://www.w3.org/ns/json-ld#context";

/// A context in use, and how it was given, to be given back in the answer.
#[derive(Debug, Clone)]
pub(crate) struct InUse {
    /// The context, beneath the core.
    pub(crate) context: Arc<Context>,
    /// The value of `@context` for an answer in JSON-LD.
    pub(crate) member: Value,
    /// What else the caller would like of the answer.
    pub(crate) prefers: Preferences,
}

impl InUse {
    /// The URL for a Link header: the one given, else that of the core.
    pub(crate) fn url(&self) -> &str {
        match &self.member {
            Value::String(url) => url,
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(url)] => url,
                _ => jsonld::CORE_URL,
            },
            _ => jsonld::CORE_URL,
        }
    }
}

/// The headers and the whole body of a request.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl FromRequest<Api> for Payload {
    type Rejection = Failure;
    async fn from_request(request: Request, api: &Api) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let Caller(call) = Caller::from_request_parts(&mut parts, api).await?;
        // A body of somebody who may do nothing here, or of a type that nobody reads, is not
        // waited for.
        let mut rights = Operations::ALL.iter();
        if let Some(first) = rights.next()
            && let Err(denied) = api.broker.authorize(&call, first)
            && !rights.any(|right| api.broker.authorize(&call, right).is_ok())
        {
            return Err(denied.into());
        }
        // A PATCH can only be JSON. Any other body must say so: a web page elsewhere can send it
        // without being asked whether it may, as long as it says nothing of the type.
        if parts.method == Method::PATCH {
            let json = || Media::Json.header();
            parts
                .headers
                .entry(header::CONTENT_TYPE)
                .or_insert_with(json);
        }
        let headers = parts.headers.clone();
        let read = [Media::Json, Media::LdJson, Media::MergePatch];
        Media::of_body(&headers, &read)?;
        let Body(bytes) = Body::from_request(Request::from_parts(parts, body), api).await?;
        Ok(Self { headers, bytes })
    }
}

impl Payload {
    /// The type of the body.
    pub(crate) fn media(&self) -> Result<Media, Failure> {
        let read = [Media::Json, Media::LdJson, Media::MergePatch];
        Ok(Media::of_body(&self.headers, &read)?)
    }

    /// A body of JSON-LD carries its @context itself: a Link header of one is refused.
    pub(crate) fn check_link(&self) -> Result<(), Failure> {
        if self.media()? == Media::LdJson && link(&self.headers)?.is_some() {
            return Err(bad_request(
                "a body of application/ld+json carries its @context itself: leave out the Link header",
            ));
        }
        Ok(())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        json(&self.bytes)
    }

    /// The body as one JSON object, and its context. Nothing is fetched for those who may not ask.
    pub(crate) async fn object(&self, api: &Api, call: &Call) -> Result<(Value, InUse), Failure> {
        let value = self.json()?;
        if !value.is_object() {
            return Err(invalid_request("the body must be a JSON object"));
        }
        let in_use = self.context_of(api, call, &value).await?;
        Ok((value, in_use))
    }

    /// The context of one JSON object of the body.
    pub(crate) async fn context_of(
        &self,
        api: &Api,
        call: &Call,
        object: &Value,
    ) -> Result<InUse, Failure> {
        let member = object.get("@context");
        match (self.media()?, member) {
            (Media::LdJson, Some(member)) => {
                self.check_link()?;
                let context = api.contexts.value(&call.tenant, member).await?;
                Ok(InUse {
                    context,
                    member: member.clone(),
                    prefers: Preferences::read(&self.headers),
                })
            }
            (Media::LdJson, None) => Err(bad_request(
                "a body of application/ld+json must have an '@context'; or send application/json",
            )),
            (_, Some(_)) => Err(bad_request(
                "a body of application/json has no '@context': send it as application/ld+json, or name the @context in a Link header",
            )),
            (_, None) => linked(api, call, &self.headers).await,
        }
    }
}

/// JSON of bounded depth.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Failure> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| invalid_request(format_args!("the body is not JSON: {error}")))?;
    if is_deeper(&value, limits::JSON_DEPTH_MAX) {
        let max = limits::JSON_DEPTH_MAX;
        return Err(invalid_request(format_args!(
            "the JSON is nested more than {max} deep"
        )));
    }
    Ok(value)
}

fn is_deeper(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left == 0 || items.iter().any(|v| is_deeper(v, left - 1)),
        Value::Object(members) => left == 0 || members.values().any(|v| is_deeper(v, left - 1)),
        _ => false,
    }
}

/// The context that the Link header names, else the core.
pub(crate) async fn linked(api: &Api, call: &Call, headers: &HeaderMap) -> Result<InUse, Failure> {
    let (context, url) = match link(headers)? {
        Some(url) => (api.contexts.link(&call.tenant, url).await?, url),
        None => (api.contexts.core(), jsonld::CORE_URL),
    };
    Ok(InUse {
        context,
        member: Value::String(url.to_owned()),
        prefers: Preferences::read(headers),
    })
}

/// The URL of the Link header of a context; more than one is refused.
fn link(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut found = None;
    for value in headers.get_all(header::LINK) {
        let text = value
            .to_str()
            .map_err(|_not_text| bad_request("the Link header is no text"))?;
        for part in links(text) {
            let Some((url, attributes)) = part.split_once('>') else {
                continue;
            };
            if !attributes.contains(CONTEXT_REL) {
                continue;
            }
            let url = url.trim().trim_start_matches('<');
            if found.replace(url).is_some_and(|other| other != url) {
                return Err(bad_request(
                    "there are two Link headers of an @context: send one",
                ));
            }
        }
    }
    Ok(found)
}

/// The links of one header: separated by commas that stand before `<`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split('<')
        .skip(1)
        .map(|part| part.trim_end().trim_end_matches(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_link_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let text = r#"<http://a/b,c>; rel="next", <http://x/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json""#;
        headers.insert(header::LINK, text.parse().expect("a header"));
        assert_eq!(link(&headers).ok().flatten(), Some("http://x/c.jsonld"));
    }

    #[test]
    fn json_that_is_nested_too_deep_is_refused() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        json(deep.as_bytes()).expect_err("too deep");
        json(br#"{"a":[[[1]]]}"#).expect("deep enough");
    }
}

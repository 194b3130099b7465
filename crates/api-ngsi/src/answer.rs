//! Answers: entities in the representation and media type asked for [CIM-009 §6.3.6].

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use base::limits::ANSWER_BYTES_MAX;
use base::{Name, Time};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK, LOCATION};
use http::{HeaderMap, StatusCode};
use ngsi::conform::Conformer;
use ngsi::query::Projection;
use ngsi::render::{Linked, Out, Renderer};
use ngsi::{AttributeValue, Entity};
use serde_json::Value;
use web::{Accept, Media, NgsiError, Problem};

use crate::error::Failure;
use crate::parameters::{Join, Representation};
use crate::payload::InUse;

/// Bytes that a rendered entity takes, for the first allocation.
const ENTITY_BYTES_GUESS: usize = 1_024;

/// How many results there are in all [CIM-009 §6.3.13].
pub(crate) static RESULTS_COUNT: HeaderName = HeaderName::from_static("ngsild-results-count");

/// What an answer needs to know besides the entities.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) in_use: &'a InUse,
    pub(crate) representation: &'a Representation,
    pub(crate) media: Media,
    pub(crate) now: Time,
    pub(crate) linked: HashMap<Name, Arc<Entity>>,
}

/// The media type of an answer with entities.
pub(crate) fn media(headers: &HeaderMap) -> Result<Media, Failure> {
    let offers = [Media::Json, Media::LdJson, Media::GeoJson];
    Ok(Accept::from_headers(headers).choose(&offers)?)
}

/// The media type of any other answer.
pub(crate) fn plain_media(headers: &HeaderMap) -> Result<Media, Failure> {
    Ok(Accept::from_headers(headers).choose(&[Media::Json, Media::LdJson])?)
}

impl Setting<'_> {
    fn renderer(&self) -> Renderer<'_> {
        let representation = self.representation;
        Renderer {
            format: representation.format,
            sys_attrs: representation.sys_attrs,
            languages: representation.languages.clone(),
            projection: representation.projection.as_ref(),
            linked: match representation.join {
                Join::Inline(levels) => Some(Linked {
                    entities: &self.linked,
                    levels,
                }),
                Join::Flat(_) | Join::None => None,
            },
            ..Renderer::new(&self.in_use.context, self.now)
        }
    }

    /// One entity; with a flat join, an array of it and the entities that it links to.
    pub(crate) fn one(&self, entity: &Arc<Entity>) -> Response {
        if let Some((setting, conformed)) = self.conformed(std::slice::from_ref(entity))
            && let [entity] = conformed.as_slice()
        {
            return altered(setting.one(entity));
        }
        if matches!(self.representation.join, Join::Flat(_)) && !self.linked.is_empty() {
            return self.many(std::slice::from_ref(entity));
        }
        let renderer = self.renderer();
        let mut out = Out::with_capacity(ENTITY_BYTES_GUESS).limited(ANSWER_BYTES_MAX);
        let member = self.context_member();
        match self.media {
            Media::GeoJson => {
                let place = &self.representation.geometry_property;
                let member = self.feature_member();
                renderer.feature(&mut out, entity, place, member.as_deref());
            }
            _ => renderer.entity(&mut out, entity, member.as_deref()),
        }
        self.finish(out)
    }

    /// Several entities; with a flat join, followed by those that they link to.
    pub(crate) fn many(&self, entities: &[Arc<Entity>]) -> Response {
        if let Some((setting, conformed)) = self.conformed(entities) {
            return altered(setting.many(&conformed));
        }
        let renderer = self.renderer();
        let own = entities
            .iter()
            .map(|entity| (entity, self.representation.projection.clone()));
        let all = own.chain(self.flat(entities));
        let mut out =
            Out::with_capacity(ENTITY_BYTES_GUESS * (entities.len() + 1)).limited(ANSWER_BYTES_MAX);
        if self.media == Media::GeoJson {
            out.object(|out| {
                out.member_text("type", "FeatureCollection");
                out.key("features");
                out.array(|out| {
                    for (entity, projection) in all {
                        out.item();
                        let place = &self.representation.geometry_property;
                        renderer
                            .showing(projection.as_ref())
                            .feature(out, entity, place, None);
                    }
                });
                if let Some(member) = self.feature_member() {
                    out.key("@context");
                    out.raw(&member);
                }
            });
        } else {
            let member = self.context_member();
            out.array(|out| {
                for (entity, projection) in all {
                    out.item();
                    renderer
                        .showing(projection.as_ref())
                        .entity(out, entity, member.as_deref());
                }
            });
        }
        self.finish(out)
    }

    /// With a flat join, the entities that shown relationships lead to, level by level and each
    /// once, with what is shown of them.
    fn flat(&self, entities: &[Arc<Entity>]) -> Vec<(&Arc<Entity>, Option<Projection>)> {
        let Join::Flat(levels) = self.representation.join else {
            return Vec::new();
        };
        let mut seen: HashSet<Name> = entities.iter().map(|e| e.id.clone()).collect();
        let mut found: Vec<(&Arc<Entity>, Option<Projection>)> = Vec::new();
        let mut edge: Vec<(&Arc<Entity>, Option<Projection>)> = Vec::new();
        for entity in entities {
            self.follow(
                entity,
                self.representation.projection.as_ref(),
                &mut seen,
                &mut edge,
            );
        }
        for _ in 1..levels {
            let mut next = Vec::new();
            for (entity, projection) in &edge {
                self.follow(entity, projection.as_ref(), &mut seen, &mut next);
            }
            found.append(&mut edge);
            edge = next;
        }
        found.append(&mut edge);
        found
    }

    fn follow<'s>(
        &'s self,
        entity: &Entity,
        projection: Option<&Projection>,
        seen: &mut HashSet<Name>,
        into: &mut Vec<(&'s Arc<Entity>, Option<Projection>)>,
    ) {
        for attribute in &entity.attributes {
            let targets = match &attribute.value {
                AttributeValue::Relationship(uris) => uris.as_slice(),
                AttributeValue::ListRelationship(uris) => uris.as_slice(),
                _ => continue,
            };
            if projection.is_some_and(|p| !p.shows_attribute(&attribute.name)) {
                continue;
            }
            for linked in targets.iter().filter_map(|target| self.linked.get(target)) {
                if seen.insert(linked.id.clone()) {
                    into.push((linked, projection.map(|p| p.linked(&attribute.name))));
                }
            }
        }
    }

    /// The entities, and those linked, as the edition of the standard knows them that the caller
    /// prefers [CIM-009 §4.3.6.8]; `None`: they are so already.
    fn conformed(&self, entities: &[Arc<Entity>]) -> Option<(Self, Vec<Arc<Entity>>)> {
        let conformer = Conformer {
            version: self.in_use.prefers.version?,
            context: &self.in_use.context,
            now: self.now,
            sys_attrs: self.representation.sys_attrs,
        };
        let mut altered = false;
        let mut conform = |entity: &Arc<Entity>| match conformer.entity(entity) {
            Some(changed) => {
                altered = true;
                changed
            }
            None => Arc::clone(entity),
        };
        let shown = entities.iter().map(&mut conform).collect();
        let linked = self.linked.iter();
        let linked = linked
            .map(|(id, entity)| (id.clone(), conform(entity)))
            .collect();
        let setting = Self { linked, ..*self };
        altered.then_some((setting, shown))
    }

    /// The context within GeoJSON, unless the caller prefers it in the header alone
    /// [CIM-009 §6.3.6].
    fn feature_member(&self) -> Option<String> {
        (!self.in_use.prefers.plain_body).then(|| self.in_use.member.to_string())
    }

    fn context_member(&self) -> Option<String> {
        (self.media == Media::LdJson).then(|| self.in_use.member.to_string())
    }

    fn finish(&self, out: Out) -> Response {
        if out.is_full() {
            let mib = ANSWER_BYTES_MAX / (1024 * 1024);
            let detail = format_args!(
                "the answer would have more than {mib} MiB: ask for fewer entities, members or levels"
            );
            return Problem::ngsi(NgsiError::TooManyResults, detail).into_response();
        }
        let mut response = respond(StatusCode::OK, self.media, self.in_use, out.into_string());
        self.in_use.prefers.say_version(response.headers_mut());
        response
    }
}

/// 203: the answer was altered for its reader.
fn altered(mut response: Response) -> Response {
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NON_AUTHORITATIVE_INFORMATION;
    }
    response
}

/// A JSON answer: the context stands in the body already, or goes into a Link header.
pub(crate) fn respond(status: StatusCode, media: Media, in_use: &InUse, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.header());
    if media != Media::LdJson
        && let Ok(link) = HeaderValue::try_from(format!(
            "<{}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"",
            escaped(in_use.url(), is_url_byte)
        ))
    {
        headers.append(LINK, link);
    }
    response
}

/// A JSON value as answer; in JSON-LD every object at the top gets its `@context`.
pub(crate) fn value(
    status: StatusCode,
    media: Media,
    in_use: &InUse,
    mut value: Value,
) -> Response {
    if media == Media::LdJson {
        let put = |value: &mut Value| {
            if let Value::Object(members) = value {
                members.insert("@context".to_owned(), in_use.member.clone());
            }
        };
        match &mut value {
            Value::Array(items) => items.iter_mut().for_each(put),
            other => put(other),
        }
    }
    respond(status, media, in_use, value.to_string())
}

/// 201 with the place of what came to be.
pub(crate) fn created(path: &str, id: &str) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    let id = escaped(id, is_segment_byte);
    if let Ok(location) = HeaderValue::try_from(format!("/ngsi-ld/v1/{path}/{id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Text for a URL in a header: every byte that does not fit there as `%` and two digits.
fn escaped(text: &str, fits: fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if fits(byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// What may stand in one segment of a path [RFC 3986 §3.3].
fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

/// What may stand in a URL within `<` and `>`.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"<>\"".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_entity_is_one_segment_of_a_path() {
        let place = |id: &str| {
            let response = created("entities", id);
            let location = response.headers().get(LOCATION);
            location.and_then(|l| l.to_str().ok().map(ToOwned::to_owned))
        };
        assert_eq!(
            place("urn:x:Par\u{ed}s").as_deref(),
            Some("/ngsi-ld/v1/entities/urn:x:Par%C3%ADs")
        );
        assert_eq!(
            place("http://a/b?c=d#e%20").as_deref(),
            Some("/ngsi-ld/v1/entities/http:%2F%2Fa%2Fb%3Fc=d%23e%2520")
        );
    }
}

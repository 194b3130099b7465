//! All sources are asked at once, each page by page, and their replies read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::Name;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode, header};
use ngsi::Entity;
use ngsi::query::Query;
use trust::Call;

use super::plan::{self, Paged};
use super::{Question, reading};
use crate::forward::{Reply, Route, SourceError, Words};
use crate::registration::Registration;
use crate::{Gateway, Match};

/// Sources asked at once for one question.
const AT_ONCE_MAX: usize = 64;
/// Entities of one source in one answer.
const ENTITIES_MAX: usize = 10_000;
/// Bytes of all replies for one answer.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Entities on a page of a source, at least: most answers fit.
const PAGE_MIN: usize = 100;
/// And at most.
const PAGE_MAX: usize = 1_000;
/// Says that a reply is in the order of ids, so that who needs the first ones has them.
pub const ORDERED: &str = "chorsu-order";

/// What a source gave of one entity.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) registration: Arc<Registration>,
    pub(super) entity: Entity,
}

/// One source and what it is asked.
struct Errand<'g> {
    call: &'g Call,
    route: &'g Route,
    question: &'g Question,
    one: &'g Match,
    paged: Paged,
    /// So many entities are enough, if they are the first ones.
    enough: Option<usize>,
    /// Bytes of replies so far.
    bytes: &'g AtomicUsize,
}

impl Gateway {
    /// What the sources give, in no particular order. `enough`: so many of each, by id, will do.
    pub(super) async fn gather(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        sources: &[(Match, &'static str)],
        enough: Option<usize>,
    ) -> Vec<Given> {
        let bytes = AtomicUsize::new(0);
        // Boxed one by one: a closure that makes them would not be general enough for a handler.
        let mut asks: Vec<BoxFuture<'_, Vec<Given>>> = Vec::new();
        for (one, operation) in sources {
            let words = self.words(call, &one.registration, &question.words).await;
            for paged in plan::asks(question, one, operation, &words) {
                let errand = Errand {
                    call,
                    route,
                    question,
                    one,
                    paged,
                    enough,
                    bytes: &bytes,
                };
                asks.push(Box::pin(self.run(errand)));
            }
        }
        let asked = stream::iter(asks).buffer_unordered(AT_ONCE_MAX);
        let given: Vec<Vec<Given>> = asked.collect().await;
        given.into_iter().flatten().collect()
    }

    async fn run(&self, errand: Errand<'_>) -> Vec<Given> {
        let mut all: Vec<Given> = Vec::new();
        let mut offset = 0_usize;
        let mut limit = errand.enough.unwrap_or(PAGE_MIN).clamp(PAGE_MIN, PAGE_MAX);
        loop {
            let ask = errand.paged.page(offset, limit);
            let source = &errand.one.registration;
            let Ok(reply) = self.forward(errand.call, errand.route, source, ask).await else {
                return all;
            };
            let place = reply.place;
            let explain = &errand.route.explain;
            let (number, is_last, entities) = match self.read(&errand, reply, limit).await {
                Ok(Some(read)) => read,
                Ok(None) => return all,
                Err(SourceError::Refused(status)) => {
                    explain.failed(place, SourceError::Refused(status));
                    return all;
                }
                Err(error) => {
                    explain.failed(place, error);
                    return all;
                }
            };
            explain.gave(place, &entities);
            let is_new = entities.iter().any(|new| {
                let known = |given: &Given| given.entity.id == new.id;
                !all.iter().rev().take(limit).any(known)
            });
            all.extend(entities.into_iter().map(|entity| Given {
                registration: Arc::clone(source),
                entity,
            }));
            offset += number;
            // A source that gives the same again has no pages.
            if is_last || (number > 0 && !is_new) {
                return all;
            }
            if all.len() >= ENTITIES_MAX {
                let reason = format!("it has more than {ENTITIES_MAX} entities: ask for fewer");
                explain.failed(place, SourceError::BadReply(reason));
                return all;
            }
            limit = PAGE_MAX;
        }
    }

    /// Reads a page: how many entities it had, whether it is the last that is needed, and those of
    /// them that are wanted. `None`: there is nothing, as is said by 404.
    async fn read(
        &self,
        errand: &Errand<'_>,
        reply: Reply,
        limit: usize,
    ) -> Result<Option<(usize, bool, Vec<Entity>)>, SourceError> {
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !reply.is_success() {
            return Err(SourceError::Refused(reply.status.as_u16()));
        }
        let bytes = errand.bytes.fetch_add(reply.bytes, Ordering::Relaxed) + reply.bytes;
        if bytes > BYTES_MAX {
            let reason = "all replies together are too large: ask for fewer".to_owned();
            return Err(SourceError::BadReply(reason));
        }
        let is_ordered = reply.headers.contains_key(ORDERED);
        let follows = has_next(&reply.headers);
        let body = reply
            .body
            .ok_or_else(|| SourceError::BadReply("it is not the JSON of entities".to_owned()))?;
        let tenant = &errand.call.tenant;
        let words: &Words = errand.paged.words();
        let read = reading::entities(&self.parts.contexts, tenant, words, body).await;
        let entities = read.map_err(SourceError::BadReply)?;
        let number = entities.len();
        let is_enough = is_ordered && errand.enough.is_some_and(|enough| number >= enough);
        let is_last =
            errand.paged.is_single || is_enough || number == 0 || (number < limit && !follows);
        let wanted = errand.wanted(entities);
        Ok(Some((number, is_last, wanted)))
    }
}

impl Errand<'_> {
    /// Of what came, what the source may speak of and what was asked for.
    fn wanted(&self, entities: Vec<Entity>) -> Vec<Entity> {
        let selection = self.question.selection();
        let filter = (!self.paged.is_filtered && !self.question.keeps_filters())
            .then_some(&self.question.query);
        let of_one = |entity: &Entity| is_of(self.one, entity) && selection.matches(entity);
        let found = |entity: &Entity| filter.is_none_or(|filter: &Query| filter.matches(entity));
        entities
            .into_iter()
            .filter(|entity| of_one(entity) && found(entity))
            .map(|mut entity| {
                keep(&self.one.attrs, &mut entity);
                entity
            })
            .collect()
    }
}

/// Whether the registration speaks of the entity.
fn is_of(one: &Match, entity: &Entity) -> bool {
    let by_id = if one.ids.is_empty() {
        let patterns = &one.id_patterns;
        patterns.is_empty() || patterns.iter().any(|p| p.is_match(&entity.id))
    } else {
        one.ids.contains(&entity.id)
    };
    by_id && (one.types.is_empty() || one.types.iter().any(|name| entity.types.contains(name)))
}

fn keep(names: &[Name], entity: &mut Entity) {
    if !names.is_empty() {
        entity.attributes.retain(|a| names.contains(&a.name));
    }
}

/// Whether the reply names a next page.
fn has_next(headers: &HeaderMap) -> bool {
    let links = headers.get_all(header::LINK).iter();
    let mut texts = links.filter_map(|link| link.to_str().ok());
    texts.any(|text| text.contains("rel=\"next\"") || text.contains("rel=next"))
}

//! History here and at the sources [CIM-009 §4.5.5, §5.7.3, §5.7.4].
//!
//! Limit: what an exclusive or redirect source has does not hide what this node keeps of the same
//! time; and the scope over time is that of this node.

use std::collections::BTreeMap;

use base::{Name, Time};
use broker::BrokerError;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode, header};
use ngsi::temporal::{Evolution, Instance, Series};
use trust::{Call, Operation};

use subscriptions::model::{TemporalQuery, TimeRelation};

use super::plan::{self, Paged};
use super::{Question, reading};
use crate::Gateway;
use crate::forward::{Reply, Route, SourceError};
use crate::registration::Registration;
use crate::registry::discovery::overlaps;

/// Sources asked at once.
const AT_ONCE_MAX: usize = 64;
/// Entities of one page.
const PAGE: usize = 100;
/// Answers to one question that a source may give, each with a part of the time or of the entities.
const ROUNDS_MAX: usize = 50;
/// The parameters of time, as they were written: name and value.
pub type TimeSaid = [(&'static str, String)];

/// The time asked for, if it is bounded.
fn asked_time(time: &TimeSaid) -> Option<TemporalQuery> {
    let said = |name: &str| {
        let found = time.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    };
    let relation = match said("timerel")? {
        "before" => TimeRelation::Before,
        "after" => TimeRelation::After,
        "between" => TimeRelation::Between,
        _ => return None,
    };
    let moment = |name| said(name).and_then(|text| Time::parse(text).ok());
    Some(TemporalQuery {
        relation,
        time_at: moment("timeAt")?,
        end_time_at: moment("endTimeAt"),
        property: said("timeproperty").unwrap_or("observedAt").to_owned(),
    })
}

/// Whether the source may have something of that time, as far as it says of which time it has
/// anything [CIM-009 §5.2.9].
fn may_have(source: &Registration, asked: &TemporalQuery) -> bool {
    let interval = if asked.property == "observedAt" {
        source.observation_interval
    } else {
        source.management_interval
    };
    interval.is_none_or(|interval| overlaps(interval, asked))
}

impl Gateway {
    /// What the sources know of entities over time, by id; the instances are in no order.
    /// `is_one`: one entity is asked for by its id.
    pub async fn histories(
        &self,
        call: &Call,
        route: &Route,
        question: &Question,
        time: &TimeSaid,
        is_one: bool,
    ) -> Result<BTreeMap<Name, Evolution>, BrokerError> {
        self.broker().authorize(call, Operation::History)?;
        if route.local {
            return Ok(BTreeMap::new());
        }
        let operations: &[&'static str] = if is_one {
            &["retrieveTemporal", "queryTemporal"]
        } else {
            &["queryTemporal"]
        };
        let mut errands = Vec::new();
        let asked = asked_time(time);
        for (one, operation) in self.sources(&call.tenant, question, operations) {
            if asked
                .as_ref()
                .is_some_and(|asked| !may_have(&one.registration, asked))
            {
                continue;
            }
            let words = self.words(call, &one.registration, &question.words).await;
            let alike = match operation {
                "retrieveTemporal" => "retrieveEntity",
                _ => "queryEntity",
            };
            for paged in plan::asks(question, &one, alike, &words) {
                errands.push((one.clone(), paged));
            }
        }
        let asked = stream::iter(errands).map(|(one, paged)| {
            Box::pin(async move {
                self.history_of(call, route, &one.registration, paged, time)
                    .await
            })
        });
        let given: Vec<Vec<Evolution>> = asked.buffered(AT_ONCE_MAX).collect().await;
        let mut all: BTreeMap<Name, Evolution> = BTreeMap::new();
        let selection = question.selection();
        let wanted = given.into_iter().flatten().filter(|evolution| {
            let ids = &selection.ids;
            let pattern = selection.id_pattern.as_ref();
            (ids.is_empty() || ids.contains(&evolution.head.id))
                && pattern.is_none_or(|pattern| pattern.is_match(&evolution.head.id))
        });
        for evolution in wanted {
            match all.get_mut(&evolution.head.id) {
                Some(known) => join(known, evolution),
                None => {
                    all.insert(evolution.head.id.clone(), evolution);
                }
            }
        }
        Ok(all)
    }

    /// What one source says, page by page and, where it has not room for all of the time, from the
    /// end of one answer on.
    async fn history_of(
        &self,
        call: &Call,
        route: &Route,
        source: &Registration,
        paged: Paged,
        time: &TimeSaid,
    ) -> Vec<Evolution> {
        let mut all = Vec::new();
        let (mut offset, mut from) = (0_usize, None::<Time>);
        for _ in 0..ROUNDS_MAX {
            let ask = paged.over_time(offset, PAGE, time, from);
            let Ok(reply) = self.forward(call, route, source, ask).await else {
                break;
            };
            let place = reply.place;
            let range_end = (reply.status == StatusCode::PARTIAL_CONTENT)
                .then(|| range_end(&reply.headers))
                .flatten();
            let read = self.evolutions(call, &paged, reply).await;
            let Ok(read) = read.map_err(|error| route.explain.failed(place, error)) else {
                break;
            };
            let number = read.len();
            all.extend(read);
            match range_end {
                // `lastN` goes back in time; what it left out was not asked for.
                Some(end) if from != Some(end) && !time.iter().any(|(n, _)| *n == "lastN") => {
                    from = Some(end);
                }
                _ if paged.is_single || number < PAGE => break,
                _ => {
                    offset += number;
                    from = None;
                }
            }
        }
        all
    }

    async fn evolutions(
        &self,
        call: &Call,
        paged: &Paged,
        reply: Reply,
    ) -> Result<Vec<Evolution>, SourceError> {
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        if !reply.is_success() {
            return Err(SourceError::Refused(reply.status.as_u16()));
        }
        let body = reply.body.ok_or_else(|| {
            SourceError::BadReply("it is not the JSON of entities over time".to_owned())
        })?;
        let contexts = &self.parts.contexts;
        let read = reading::evolutions(contexts, &call.tenant, paged.words(), body).await;
        read.map_err(SourceError::BadReply)
    }
}

/// Puts what two know of one entity together. Of two instances of one time the one that was
/// modified later counts [CIM-009 §4.5.5].
pub fn join(known: &mut Evolution, other: Evolution) {
    for name in other.head.types {
        if !known.head.types.contains(&name) {
            known.head.types.push(name);
        }
    }
    known.head.modified_at = known.head.modified_at.max(other.head.modified_at);
    for series in other.series {
        let same = |s: &&mut Series| s.name == series.name && s.dataset_id == series.dataset_id;
        match known.series.iter_mut().find(same) {
            None => known.series.push(series),
            Some(into) => {
                into.is_cut |= series.is_cut;
                for instance in series.instances {
                    add(&mut into.instances, instance);
                }
            }
        }
    }
    known
        .series
        .sort_by(|a, b| (&a.name, &a.dataset_id).cmp(&(&b.name, &b.dataset_id)));
}

fn add(instances: &mut Vec<Instance>, new: Instance) {
    let (attribute, at) = (&new.attribute, new.attribute.observed_at);
    let is_twin = |known: &&mut Instance| match at {
        Some(at) => known.attribute.observed_at == Some(at),
        None => {
            known.attribute.observed_at.is_none()
                && known.attribute.modified_at == attribute.modified_at
                && known.attribute.value == attribute.value
        }
    };
    match instances.iter_mut().find(is_twin) {
        Some(known) if known.attribute.modified_at < attribute.modified_at => *known = new,
        Some(_) => {}
        None => instances.push(new),
    }
}

/// The end of the time that an answer has room for [CIM-009 §6.3.10].
fn range_end(headers: &HeaderMap) -> Option<Time> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, _size) = text.strip_prefix("date-time ")?.rsplit_once('/')?;
    let (_start, end) = range.split_once("Z-")?;
    Time::parse(end).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_end_of_a_range_is_where_the_next_answer_begins() {
        let mut headers = HeaderMap::new();
        let range = "date-time 2026-01-01T00:00:00Z-2026-01-02T00:00:00Z/*";
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_static(range));
        assert_eq!(
            range_end(&headers),
            Time::parse("2026-01-02T00:00:00Z").ok()
        );
        assert_eq!(range_end(&HeaderMap::new()), None);
    }
}

//! Writes of many entities: each source is asked once for all that is its own, or entity by
//! entity if it does no batches [CIM-009 §5.6.7 to §5.6.10, §5.6.20].

use std::sync::Arc;

use base::Name;
use broker::command::Upsert;
use broker::{BrokerError, Command, Done};
use futures_util::{StreamExt as _, future, stream};
use http::{Method, StatusCode};
use serde_json::Value;
use trust::Call;

use super::operation::{self, Extent, Operation};
use super::{AT_ONCE, Asking, Concerned, Fault, Part, Plan, Write, gather, reply};
use crate::Gateway;
use crate::forward::{Ask, Reply, Route, SourceError, segment};
use crate::registration::Registration;

/// A part of the entity at a place of a batch; `None`: the source was passed over.
type Placed = (usize, Option<Part>);

/// What became of one entity of a batch.
#[derive(Debug)]
pub struct Treated {
    /// The entity.
    pub id: Name,
    /// Its parts, that of this node first.
    pub parts: Vec<Part>,
}

/// What one source gets of a batch, in the same words.
struct Share<'w> {
    source: Arc<Registration>,
    /// Places of the entities in the batch, and what of them it gets.
    items: Vec<(usize, Concerned)>,
    writes: &'w [Write],
}

impl Gateway {
    /// Does many writes of one kind, here and at the sources that they concern.
    pub async fn write_batch(
        &self,
        call: &Call,
        route: &Route,
        writes: Vec<Write>,
    ) -> Result<Vec<Treated>, BrokerError> {
        let mut shares: Vec<Share<'_>> = Vec::new();
        let (mut mine, mut treated) = (Vec::new(), Vec::with_capacity(writes.len()));
        for (place, write) in writes.iter().enumerate() {
            let plan = self.plan_one(call, write);
            let Plan {
                here,
                there,
                may_be_absent,
            } = plan;
            if let Some(names) = here {
                let mut command = write.command.clone();
                if !there.is_empty() {
                    operation::narrow(&mut command, &names);
                }
                mine.push((place, command, names));
            }
            treated.push((may_be_absent, None, Vec::new()));
            for concerned in there {
                share_with(&mut shares, &writes, place, concerned);
            }
        }
        let asks: Vec<Asking<'_, Vec<Placed>>> = shares
            .iter()
            .map(|share| Box::pin(self.ask_for_share(call, route, share)) as _)
            .collect();
        let there = stream::iter(asks).buffered(AT_ONCE).collect::<Vec<_>>();
        let (here, there) = future::join(self.all_here(call, mine), there).await;
        for (place, part) in here? {
            if let Some(entity) = treated.get_mut(place) {
                entity.1 = Some(part);
            }
        }
        for (place, part) in there.into_iter().flatten() {
            if let Some(entity) = treated.get_mut(place) {
                entity.2.push(part);
            }
        }
        let together = treated.into_iter().zip(&writes);
        Ok(together
            .map(|((may_be_absent, here, there), write)| Treated {
                id: id_of(write),
                parts: gather(here, there, may_be_absent),
            })
            .collect())
    }

    fn plan_one(&self, call: &Call, write: &Write) -> Plan {
        let Some(operation) = Operation::of(&write.command) else {
            return Plan {
                here: Some(Vec::new()),
                there: Vec::new(),
                may_be_absent: false,
            };
        };
        let (batch, _) = batch_of(&write.command);
        self.plan(call, &operation, &|source| {
            source.operations.has(batch) || !steps(&write.command, source).is_empty()
        })
    }

    async fn all_here(
        &self,
        call: &Call,
        mine: Vec<(usize, Command, Vec<Name>)>,
    ) -> Result<Vec<(usize, Part)>, BrokerError> {
        let (places, commands): (Vec<_>, Vec<_>) = mine
            .into_iter()
            .map(|(place, command, names)| ((place, names), command))
            .unzip();
        let done = self.parts.broker.apply(call, commands).await?;
        let parts = places
            .into_iter()
            .zip(done)
            .map(|((place, names), done)| (place, Part::here(done, names)));
        Ok(parts.collect())
    }

    /// Has a source do its share of a batch.
    async fn ask_for_share(&self, call: &Call, route: &Route, share: &Share<'_>) -> Vec<Placed> {
        let Some(first) = share
            .items
            .first()
            .and_then(|(at, _)| share.writes.get(*at))
        else {
            return Vec::new();
        };
        let (batch, path) = batch_of(&first.command);
        if share.items.iter().any(|(_, concerned)| !concerned.does) {
            let unsupported = share.items.iter().map(|(place, concerned)| {
                let names = concerned.names.clone();
                (*place, Some(Part::unsupported(&share.source, names, batch)))
            });
            return unsupported.collect();
        }
        if !share.source.operations.has(batch) {
            let asks: Vec<Asking<'_, Placed>> = share
                .items
                .iter()
                .filter_map(|(place, concerned)| {
                    let write = share.writes.get(*place)?;
                    let ask = self.ask_for_one(call, route, write, concerned);
                    Some(Box::pin(async { (*place, ask.await) }) as _)
                })
                .collect();
            let parts = stream::iter(asks).buffered(AT_ONCE).collect::<Vec<_>>();
            return parts.await;
        }
        let mut ask = Ask::new(Method::POST, path.to_owned(), first.words.clone());
        ask.params.clone_from(&first.params);
        let bodies = share.items.iter().filter_map(|(place, concerned)| {
            let write = share.writes.get(*place)?;
            Some(
                body_of(write, concerned)
                    .unwrap_or_else(|| Value::String(id_of(write).to_string())),
            )
        });
        ask.body = Some(Value::Array(bodies.collect()));
        let reply = self.forward(call, route, &share.source, ask).await;
        let parts = share.items.iter().filter_map(|(place, concerned)| {
            let write = share.writes.get(*place)?;
            let done = read(&reply, write, &concerned.names);
            let part = Part::there(&share.source, concerned.names.clone(), (done, Vec::new()));
            Some((*place, part))
        });
        parts.collect()
    }

    /// Has a source that does no such batches do its part of one entity, by what it does.
    async fn ask_for_one(
        &self,
        call: &Call,
        route: &Route,
        write: &Write,
        concerned: &Concerned,
    ) -> Option<Part> {
        let source = &concerned.source;
        let words = self.words(call, source, &write.words).await;
        let id = id_of(write);
        let mut last = (
            Err(Fault::Unsupported {
                operation: batch_of(&write.command).0,
            }),
            Vec::new(),
        );
        for step in steps(&write.command, source) {
            let (method, path) = single(step, &id);
            let mut ask = Ask::new(method, path, write.words.clone());
            if step == "appendAttrs" || step == "mergeEntity" {
                ask.params.clone_from(&write.params);
            }
            ask.body = body_of(write, concerned);
            let reply = self.forward(call, route, source, ask).await;
            last = reply::read(reply, &concerned.names, &words);
            let is_otherwise = matches!(
                &last.0,
                Err(Fault::Refused {
                    status: StatusCode::NOT_FOUND | StatusCode::CONFLICT,
                    ..
                })
            );
            if !is_otherwise {
                break;
            }
        }
        Part::there(source, concerned.names.clone(), last)
    }
}

/// Notes that a source gets something of the entity at a place.
fn share_with<'w>(
    shares: &mut Vec<Share<'w>>,
    writes: &'w [Write],
    place: usize,
    concerned: Concerned,
) {
    let words = |place: usize| writes.get(place).map(|write| &write.words);
    let fits = |share: &&mut Share<'_>| {
        let first = share.items.first().and_then(|(at, _)| words(*at));
        let same = first.zip(words(place)).is_some_and(|(a, b)| a.is(b));
        share.source.id == concerned.source.id && same
    };
    match shares.iter_mut().find(fits) {
        Some(share) => share.items.push((place, concerned)),
        None => shares.push(Share {
            source: Arc::clone(&concerned.source),
            items: vec![(place, concerned)],
            writes,
        }),
    }
}

fn id_of(write: &Write) -> Name {
    write.command.id().cloned().unwrap_or_else(|| "".into())
}

/// The part of the body that is for a source; `None` when there is none but the id.
fn body_of(write: &Write, concerned: &Concerned) -> Option<Value> {
    let body = write.body.as_ref()?;
    let is_whole = Operation::of(&write.command)?.extent == Extent::Whole;
    (!is_whole)
        .then(|| operation::part_of(body, &concerned.names, concerned.is_whole, &write.words))
}

/// The name and the path of the batch that a command is one of.
fn batch_of(command: &Command) -> (&'static str, &'static str) {
    match command {
        Command::Create(_) => ("createBatch", "/entityOperations/create"),
        Command::Upsert { .. } => ("upsertBatch", "/entityOperations/upsert"),
        Command::Merge { .. } => ("mergeBatch", "/entityOperations/merge"),
        Command::Delete { .. } => ("deleteBatch", "/entityOperations/delete"),
        _ => ("updateBatch", "/entityOperations/update"),
    }
}

/// What a source without batches is asked for instead, one after the other as long as the entity
/// turns out to be there, or not to be there, against expectation [CIM-009 §5.6.8.4].
fn steps(command: &Command, source: &Registration) -> Vec<&'static str> {
    let does = |name: &&'static str| source.operations.has(name);
    let first_of = |names: [&'static str; 2]| names.into_iter().find(does);
    let change = first_of(["updateEntity", "appendAttrs"]);
    let wanted: Vec<&'static str> = match command {
        Command::Create(_) => vec!["createEntity"],
        Command::Upsert {
            how: Upsert::Replace,
            ..
        } => vec!["createEntity", "replaceEntity"],
        Command::Upsert { .. } => change.into_iter().chain(["createEntity"]).collect(),
        Command::Append {
            overwrite: true, ..
        } => first_of(["appendAttrs", "updateEntity"])
            .into_iter()
            .collect(),
        Command::Append { .. } => vec!["appendAttrs"],
        Command::Merge { .. } => vec!["mergeEntity"],
        Command::Delete { .. } => vec!["deleteEntity"],
        _ => Vec::new(),
    };
    wanted.into_iter().filter(does).collect()
}

/// How a source is asked for one entity.
fn single(step: &str, id: &Name) -> (Method, String) {
    let entity = format!("/entities/{}", segment(id));
    match step {
        "createEntity" => (Method::POST, "/entities".to_owned()),
        "replaceEntity" => (Method::PUT, entity),
        "updateEntity" => (Method::PATCH, format!("{entity}/attrs")),
        "appendAttrs" => (Method::POST, format!("{entity}/attrs")),
        "mergeEntity" => (Method::PATCH, entity),
        _ => (Method::DELETE, entity),
    }
}

/// What the reply to a batch says of one entity.
fn read(reply: &Result<Reply, SourceError>, write: &Write, names: &[Name]) -> Result<Done, Fault> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return Err(error.clone().into()),
    };
    let id = id_of(write);
    let is_named = |list: Option<&Value>| {
        let mut ids = list.and_then(Value::as_array).into_iter().flatten();
        ids.any(|one| one.as_str() == Some(&*id))
    };
    let done = || {
        Ok(Done::Changed(ngsi::patch::Outcome {
            updated: names.to_vec(),
            not_updated: Vec::new(),
        }))
    };
    match (reply.status, &reply.body) {
        (StatusCode::CREATED, body) => {
            let is_new = matches!(write.command, Command::Create(_)) || is_named(body.as_ref());
            if is_new { Ok(Done::Created) } else { done() }
        }
        (StatusCode::MULTI_STATUS, Some(body)) => {
            let mut errors = body
                .get("errors")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let is_it = |e: &&Value| e.get("entityId").and_then(Value::as_str) == Some(&*id);
            match errors.find(is_it) {
                Some(entry) => {
                    let error = entry.get("error").unwrap_or(&Value::Null);
                    Err(reply::problem(error, reply.status))
                }
                None if matches!(write.command, Command::Create(_)) => Ok(Done::Created),
                None => done(),
            }
        }
        (StatusCode::MULTI_STATUS, None) => {
            let reason = "it did it in part and does not say which".to_owned();
            Err(SourceError::BadReply(reason).into())
        }
        (status, _) if status.is_success() => done(),
        _ => Err(reply::refused(reply)),
    }
}

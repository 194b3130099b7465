//! Writes: done here and at the sources that registered for them, and answered once
//! [CIM-009 §4.3.6, §5.6].
//!
//! A write is split: what an exclusive or redirected source has goes there and nowhere else, an
//! inclusive one gets a copy, an auxiliary one nothing. The parts are done at the same time, each
//! says what became of it, and none waits longer than its own deadline.

mod batch;
mod operation;
mod purge;
mod reply;
mod split;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use base::Name;
use broker::{BrokerError, Command, Done};
use futures_util::{StreamExt as _, future, stream};
use http::StatusCode;
use serde_json::Value;
use trust::Call;

use crate::Gateway;
use crate::forward::{Ask, Route, SourceError, Words};
use crate::registration::{Mode, Registration};
use crate::registry::Wanted;

pub use batch::Treated;
use operation::{Extent, Operation};
use split::{Offer, Share, split};

/// Sources that one write asks at the same time.
const AT_ONCE: usize = 32;

/// A source being asked.
pub(crate) type Asking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A write as it came.
#[derive(Debug)]
pub struct Write {
    /// What is wanted.
    pub command: Command,
    /// The body as it was sent: one JSON object; none for what has no body.
    pub body: Option<Value>,
    /// The words in which it was written.
    pub words: Words,
    /// Parameters that sources are given as well.
    pub params: Vec<(Cow<'static, str>, String)>,
}

/// What became of a part of a write.
#[derive(Debug)]
pub struct Part {
    /// The registration of the source; `None`: this node.
    pub registration: Option<Name>,
    /// The attributes that it was about, by expanded name.
    pub names: Vec<Name>,
    /// What was done, or why it was not.
    pub done: Result<Done, Fault>,
    /// The attributes that were not written although the rest was.
    pub left: Vec<Left>,
}

/// An attribute that was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Expanded name.
    pub name: Name,
    /// The dataset that was meant.
    pub dataset_id: Option<Name>,
    /// Why.
    pub reason: String,
}

/// Why a part of a write was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// This node did not.
    #[error(transparent)]
    Here(#[from] BrokerError),
    /// The data is at a source that does not do such a thing [CIM-009 §5.6.1.4].
    #[error("the data is at another source, which does not offer {operation}")]
    Unsupported {
        /// The name of the operation.
        operation: &'static str,
    },
    /// The source could not be asked, or its answer is of no use.
    #[error("the source was not of use: {0}")]
    Source(#[from] SourceError),
    /// The source said no.
    #[error("the source refused it: {detail}")]
    Refused {
        /// Its status, an error.
        status: StatusCode,
        /// What it said.
        detail: String,
    },
}

/// A source and what it gets.
#[derive(Debug)]
struct Concerned {
    source: Arc<Registration>,
    /// The attributes.
    names: Vec<Name>,
    /// Whether it has the whole entity, with what is said besides attributes.
    is_whole: bool,
    /// Whether it may be asked.
    does: bool,
}

/// Who does what of a write.
#[derive(Debug)]
struct Plan {
    /// The attributes that are written here; `None`: nothing is.
    here: Option<Vec<Name>>,
    there: Vec<Concerned>,
    /// Whether the entity may well not be here, because it is elsewhere.
    may_be_absent: bool,
}

impl Gateway {
    /// Whether any source may be concerned by a write: a look that costs nothing.
    pub fn may_concern(&self, call: &Call, is_local: bool) -> bool {
        !is_local && !self.registry.is_empty(&call.tenant)
    }

    /// Does a write here and at the sources that it concerns, and says of each part what became
    /// of it.
    pub async fn write(&self, call: &Call, route: &Route, write: Write) -> Vec<Part> {
        let Some(operation) = Operation::of(&write.command) else {
            return vec![self.here(call, write.command, Vec::new()).await];
        };
        let plan = self.plan(call, &operation, &|source| {
            source.operations.has(operation.name)
        });
        let mut mine = write.command.clone();
        if let Some(names) = plan.here.as_ref().filter(|_| !plan.there.is_empty()) {
            operation::narrow(&mut mine, names);
        }
        let here = async {
            let names = plan.here.clone()?;
            Some(self.here(call, mine, names).await)
        };
        let asks: Vec<Asking<'_, Option<Part>>> = plan
            .there
            .iter()
            .map(|c| Box::pin(self.ask_for_part(call, route, &write, &operation, c)) as _)
            .collect();
        let there = stream::iter(asks).buffered(AT_ONCE).collect::<Vec<_>>();
        let (here, there) = future::join(here, there).await;
        gather(here, there, plan.may_be_absent)
    }

    async fn here(&self, call: &Call, command: Command, names: Vec<Name>) -> Part {
        let done = self.parts.broker.apply_one(call, command).await;
        Part::here(done, names)
    }

    /// Finds the sources that are concerned and splits what is written among them.
    fn plan(
        &self,
        call: &Call,
        operation: &Operation,
        does: &(dyn Fn(&Registration) -> bool + Sync),
    ) -> Plan {
        let wanted = Wanted {
            operation: operation.name,
            ids: std::slice::from_ref(&operation.id),
            types: operation.types.as_ref(),
            attrs: &operation.names,
            ..Wanted::default()
        };
        let mut sources: Vec<(Arc<Registration>, Offer)> = Vec::new();
        for found in self.registry.covering(&call.tenant, &wanted) {
            let source = found.registration;
            let is_known = sources
                .last()
                .is_some_and(|(known, _)| known.id == source.id);
            if is_known || source.mode == Mode::Auxiliary {
                continue;
            }
            let share = Share::of(&source, &operation.id, operation.types.as_ref());
            let offer = share.map(|share| Offer {
                mode: source.mode,
                share,
                does: does(&source),
            });
            sources.extend(offer.map(|offer| (source, offer)));
        }
        let offers: Vec<Offer> = sources.iter().map(|(_, offer)| offer.clone()).collect();
        let is_whole = operation.extent == Extent::Whole;
        let (here, gets) = if is_whole {
            let goes = |o: &Offer| (o.mode.is_proxied() || o.does).then(Vec::new);
            (Some(Vec::new()), offers.iter().map(goes).collect())
        } else {
            let split = split(operation.said(), &offers);
            (split.here, split.there)
        };
        let there: Vec<Concerned> = sources
            .into_iter()
            .zip(gets)
            .filter_map(|((source, offer), names)| {
                Some(Concerned {
                    source,
                    names: names?,
                    is_whole: offer.share == Share::All,
                    does: offer.does,
                })
            })
            .collect();
        Plan {
            here,
            may_be_absent: is_whole && there.iter().any(|c| c.source.mode.is_proxied()),
            there,
        }
    }

    /// Has a source do its part; `None`: it is passed over.
    async fn ask_for_part(
        &self,
        call: &Call,
        route: &Route,
        write: &Write,
        operation: &Operation,
        concerned: &Concerned,
    ) -> Option<Part> {
        let source = &concerned.source;
        let names = concerned.names.clone();
        if !concerned.does {
            return Some(Part::unsupported(source, names, operation.name));
        }
        let words = self.words(call, source, &write.words).await;
        let path = operation::path(&write.command, &words);
        let mut ask = Ask::new(operation.method.clone(), path, write.words.clone());
        ask.params = operation::params(&write.params, operation.types.as_ref(), &words);
        ask.body = write.body.as_ref().map(|body| match operation.extent {
            Extent::Attribute => operation::without_context(body),
            _ => operation::part_of(body, &names, concerned.is_whole, &write.words),
        });
        let reply = self.forward(call, route, source, ask).await;
        Part::there(source, names, reply::read(reply, &concerned.names, &words))
    }
}

impl Part {
    /// What this node did of a write that concerned nobody else.
    pub fn of_this_node(done: Result<Done, BrokerError>) -> Self {
        Self::here(done, Vec::new())
    }

    fn here(done: Result<Done, BrokerError>, names: Vec<Name>) -> Self {
        let (done, left) = match done {
            Ok(Done::Changed(outcome)) => {
                let left = outcome.not_updated.iter().map(|not| Left {
                    name: not.name.clone(),
                    dataset_id: not.dataset_id.clone(),
                    reason: not.reason.to_owned(),
                });
                let left = left.collect();
                (Ok(Done::Changed(outcome)), left)
            }
            other => (other.map_err(Fault::Here), Vec::new()),
        };
        Self {
            registration: None,
            names,
            done,
            left,
        }
    }

    fn unsupported(source: &Registration, names: Vec<Name>, operation: &'static str) -> Self {
        Self {
            registration: Some(source.id.clone()),
            names,
            done: Err(Fault::Unsupported { operation }),
            left: Vec::new(),
        }
    }

    /// What came of asking a source. That one beside others was on the way here already is no
    /// fault: it has done its part [CIM-009 §6.3.18].
    fn there(
        source: &Registration,
        names: Vec<Name>,
        (done, left): (Result<Done, Fault>, Vec<Left>),
    ) -> Option<Self> {
        if !source.mode.is_proxied() && matches!(done, Err(Fault::Source(SourceError::Loop))) {
            return None;
        }
        Some(Self {
            registration: Some(source.id.clone()),
            names,
            done,
            left,
        })
    }
}

/// Puts the parts together, that of this node first. That an entity is not here is no fault when
/// its data is elsewhere [CIM-009 §5.6.6.4].
fn gather(here: Option<Part>, there: Vec<Option<Part>>, may_be_absent: bool) -> Vec<Part> {
    let is_absent = |part: &Part| {
        matches!(
            part.done,
            Err(Fault::Here(BrokerError::EntityUnknown { .. }))
        )
    };
    let here = here.filter(|part| !(may_be_absent && is_absent(part)));
    here.into_iter()
        .chain(there.into_iter().flatten())
        .collect()
}

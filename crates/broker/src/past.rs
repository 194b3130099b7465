//! The past: entities over time, with what their scope was [CIM-009 §5.7.3, §5.7.4].

use std::collections::HashMap;

use base::{Name, limits};
use ngsi::patch::SCOPE;
use ngsi::temporal::{Evolution, Head, Instance, Samples, Series, Span, TimeProperty};
use ngsi::{AttributeKey, AttributeKind, AttributeValue};
use trust::{Call, Operation};

use crate::{Broker, BrokerError};

/// Instances of one series that are put into the order of another time than that by which the
/// store keeps them.
/// Limit: of longer series only the first ones so many, by `observedAt`, are ordered.
const ARRANGED_MAX: usize = 100_000;
/// The last instances of a series among which its kind is looked for.
const KIND_LOOKBACK: usize = 16;

/// An entity over time.
#[derive(Debug)]
pub struct Past {
    /// Its attributes within the span asked for.
    pub evolution: Evolution,
    /// All instances of its scope, whatever the span, oldest first: one that was set before the
    /// span may be valid in it.
    pub scope: Vec<Instance>,
    /// The kinds of attributes of which there are only deletions within the span.
    pub kinds: HashMap<AttributeKey, AttributeKind>,
}

impl Broker {
    /// One entity over time, its instances in the order of the time that the span speaks of
    /// [CIM-009 §5.7.3].
    pub async fn past(&self, call: &Call, id: &str, span: &Span) -> Result<Past, BrokerError> {
        let wide = match span.property {
            TimeProperty::ObservedAt => span.clone(),
            _ => Span {
                limit: span.limit.max(ARRANGED_MAX),
                ..span.clone()
            },
        };
        let mut evolution = self.evolution(call, id, &wide).await?;
        for series in &mut evolution.series {
            series.arrange(span);
        }
        let scope = self.scope_history(call, id).await?;
        let kinds = self.kinds(call, id, &evolution.series).await?;
        Ok(Past {
            evolution,
            scope,
            kinds,
        })
    }

    /// The attributes of one entity within a span, in the order of the store. The scope is not
    /// among them.
    pub async fn evolution(
        &self,
        call: &Call,
        id: &str,
        span: &Span,
    ) -> Result<Evolution, BrokerError> {
        self.authorize(call, Operation::History)?;
        let evolution = self.store.history(&call.tenant, id, span).await?;
        let mut evolution =
            evolution.ok_or_else(|| BrokerError::EntityUnknown { id: Name::from(id) })?;
        evolution.series.retain(|series| *series.name != *SCOPE);
        Ok(evolution)
    }

    /// What the attributes of one entity count as within a span, in the order of the store. The
    /// scope is not among them.
    pub async fn samples(
        &self,
        call: &Call,
        id: &str,
        span: &Span,
    ) -> Result<Vec<Samples>, BrokerError> {
        self.authorize(call, Operation::History)?;
        let samples = self.store.samples(&call.tenant, id, span).await?;
        let mut samples =
            samples.ok_or_else(|| BrokerError::EntityUnknown { id: Name::from(id) })?;
        samples.retain(|samples| *samples.name != *SCOPE);
        Ok(samples)
    }

    /// The last instances of the scope of an entity, oldest first.
    pub async fn scope_history(&self, call: &Call, id: &str) -> Result<Vec<Instance>, BrokerError> {
        self.authorize(call, Operation::History)?;
        let span = Span {
            attributes: Some(vec![Name::from(SCOPE)]),
            last: true,
            ..Span::all(limits::TEMPORAL_INSTANCES_MAX)
        };
        let evolution = self.store.history(&call.tenant, id, &span).await?;
        let series = evolution.into_iter().flat_map(|evolution| evolution.series);
        Ok(series.flat_map(|series| series.instances).collect())
    }

    /// What kinds of attribute those are of which only deletions were found.
    async fn kinds(
        &self,
        call: &Call,
        id: &str,
        series: &[Series],
    ) -> Result<HashMap<AttributeKey, AttributeKind>, BrokerError> {
        let is_deletion = |i: &Instance| matches!(i.attribute.value, AttributeValue::Null);
        let deleted = series
            .iter()
            .filter(|s| s.instances.iter().all(is_deletion));
        let mut names: Vec<Name> = deleted.map(|series| series.name.clone()).collect();
        names.dedup();
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let span = Span {
            attributes: Some(names),
            last: true,
            ..Span::all(KIND_LOOKBACK)
        };
        let before = self.evolution(call, id, &span).await?;
        let kinds = before.series.into_iter().filter_map(|series| {
            let kind = series
                .instances
                .iter()
                .rev()
                .find_map(|i| i.attribute.value.kind())?;
            Some((
                AttributeKey {
                    name: series.name,
                    dataset_id: series.dataset_id,
                },
                kind,
            ))
        });
        Ok(kinds.collect())
    }

    /// Entities that have a history, of any of the types, after `after`, in id order.
    pub async fn heads(
        &self,
        call: &Call,
        types: &[Name],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Head>, BrokerError> {
        self.authorize(call, Operation::History)?;
        Ok(self.store.heads(&call.tenant, types, after, limit).await?)
    }
}

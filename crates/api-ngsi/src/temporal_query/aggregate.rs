//! Aggregated values of an entity: its instances are read piece by piece, so that a year of them
//! needs no more room than a day [CIM-009 §4.5.19].

use base::{Name, Time, limits};
use broker::BrokerError;
use federation::read::temporal::join;
use ngsi::AttributeKey;
use ngsi::aggregate::{Aggregated, Aggregation};
use ngsi::query::ScopeExpr;
use ngsi::temporal::{Bound, Evolution, Head, Instance, Span, TimeProperty};
use trust::Call;

use crate::error::{Failure, bad_request};
use crate::state::Api;

/// Instances of each series that are read at once.
const PIECE: usize = 2_000;
/// Samples of each series that are read at once: they take a fraction of the room.
const SAMPLES: usize = 100_000;
/// Instances of each series that are read when they cannot be read piece by piece.
const READ_MAX: usize = 100_000;

/// An entity with aggregated values, by attribute and then dataset.
#[derive(Debug)]
pub(super) struct Sums<'a> {
    pub(super) head: Head,
    pub(super) attributes: Vec<(AttributeKey, Aggregated<'a>)>,
}

/// What is aggregated of an entity.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) api: &'a Api,
    pub(super) call: &'a Call,
    pub(super) aggregation: &'a Aggregation,
    pub(super) span: &'a Span,
    pub(super) datasets: Option<&'a Vec<Option<Name>>>,
    /// Only instances of the times through which such a scope was valid.
    pub(super) scope: Option<&'a ScopeExpr>,
    /// What other sources know of the entity.
    pub(super) other: Option<&'a Evolution>,
}

impl<'a> Reader<'a> {
    /// Reads and aggregates. The periods begin at the start of the time asked for, or at the first
    /// instance if it has none.
    pub(super) async fn read(&self, id: &str) -> Result<Sums<'a>, Failure> {
        if let Some(other) = self.other {
            return self.read_joined(id, other).await;
        }
        let history = match self.scope {
            Some(_) => self.api.broker.scope_history(self.call, id).await?,
            None => Vec::new(),
        };
        let first = self.piece(id, self.span.from, self.first_limit()).await?;
        let moments = first.series.iter().flat_map(|series| &series.instances);
        let earliest = moments
            .filter_map(|i| self.span.time_of(&i.attribute))
            .min();
        let origin = self.span.from.map(|bound| bound.time).or(earliest);
        let mut sums = Sums {
            head: first.head,
            attributes: Vec::new(),
        };
        let Some(origin) = origin else {
            return Ok(sums);
        };
        if self.by_piece() && self.scope.is_none() {
            self.add_samples(&mut sums, id, origin).await?;
            return Ok(sums);
        }
        let mut from = self.span.from;
        loop {
            let piece = self.piece(id, from, self.limit()).await?;
            let edge = self.edge(&piece)?;
            self.add(&mut sums, piece, &history, (origin, edge))?;
            let Some(edge) = edge else { return Ok(sums) };
            from = Some(Bound {
                time: edge,
                inclusive: false,
            });
        }
    }

    /// The same with what other sources have, which is all read at once.
    async fn read_joined(&self, id: &str, other: &Evolution) -> Result<Sums<'a>, Failure> {
        let span = self.span_of_piece(self.span.from, READ_MAX);
        let mut whole = match self.api.broker.evolution(self.call, id, &span).await {
            Ok(here) => here,
            Err(BrokerError::EntityUnknown { .. }) => Evolution {
                head: other.head.clone(),
                series: Vec::new(),
            },
            Err(error) => return Err(error.into()),
        };
        join(&mut whole, other.clone());
        for series in &mut whole.series {
            series.instances.retain(|i| span.holds(&i.attribute));
            series.arrange(&span);
        }
        let moments = whole.series.iter().flat_map(|series| &series.instances);
        let moments = moments.filter_map(|i| self.span.time_of(&i.attribute));
        let origin = self.span.from.map(|bound| bound.time);
        let origin = origin.or_else(|| moments.min());
        let mut sums = Sums {
            head: whole.head.clone(),
            attributes: Vec::new(),
        };
        if let Some(origin) = origin {
            let unscoped = Reader {
                scope: None,
                ..*self
            };
            unscoped.add(&mut sums, whole, &[], (origin, None))?;
        }
        Ok(sums)
    }

    /// Instances come in the order of `observedAt`, so that the first ones are enough to know when
    /// they begin.
    fn first_limit(&self) -> usize {
        if self.by_piece() { 1 } else { READ_MAX }
    }

    fn limit(&self) -> usize {
        if self.by_piece() { PIECE } else { READ_MAX }
    }

    fn by_piece(&self) -> bool {
        self.span.property == TimeProperty::ObservedAt
    }

    /// Where no more than numbers and their times are needed.
    async fn add_samples(
        &self,
        sums: &mut Sums<'a>,
        id: &str,
        origin: Time,
    ) -> Result<(), Failure> {
        let now = self.api.broker.now();
        let mut from = self.span.from;
        loop {
            let span = self.span_of_piece(from, SAMPLES);
            let piece = self.api.broker.samples(self.call, id, &span).await?;
            let cut = piece.iter().filter(|samples| samples.is_cut);
            let edge = cut.filter_map(|samples| Some(samples.rows.last()?.0)).min();
            for samples in piece {
                let Some(sum) = self.sum(sums, (samples.name, samples.dataset_id), origin) else {
                    continue;
                };
                let whole = |time: Time| edge.is_none_or(|edge| time <= edge);
                for (time, sample) in samples.rows.iter().filter(|(time, _)| whole(*time)) {
                    sum.add_sample(*time, sample, now, limits::TEMPORAL_INSTANCES_MAX)
                        .map_err(bad_request)?;
                }
            }
            let Some(edge) = edge else { return Ok(()) };
            from = Some(Bound {
                time: edge,
                inclusive: false,
            });
        }
    }

    /// The sum of an attribute and dataset; `None`: it is not asked for.
    fn sum<'s>(
        &self,
        sums: &'s mut Sums<'a>,
        (name, dataset_id): (Name, Option<Name>),
        origin: Time,
    ) -> Option<&'s mut Aggregated<'a>> {
        if self
            .datasets
            .is_some_and(|datasets| !datasets.contains(&dataset_id))
        {
            return None;
        }
        let key = AttributeKey { name, dataset_id };
        let all = &mut sums.attributes;
        let place = all.binary_search_by(|(known, _)| known.cmp(&key));
        let place = place.unwrap_or_else(|place| {
            all.insert(place, (key, Aggregated::new(self.aggregation, origin)));
            place
        });
        all.get_mut(place).map(|(_, sum)| sum)
    }

    async fn piece(
        &self,
        id: &str,
        from: Option<Bound>,
        limit: usize,
    ) -> Result<Evolution, Failure> {
        let span = self.span_of_piece(from, limit);
        Ok(self.api.broker.evolution(self.call, id, &span).await?)
    }

    fn span_of_piece(&self, from: Option<Bound>, limit: usize) -> Span {
        let start = Bound {
            time: Time::MIN,
            inclusive: true,
        };
        // Only instances that have the time that is asked about can be put into periods of it.
        Span {
            from: from.or(Some(start)),
            limit,
            last: false,
            ..self.span.clone()
        }
    }

    /// The time up to which all series of a piece are complete; `None`: to their ends. A series
    /// has one instance of an `observedAt`, so what follows begins after that time.
    fn edge(&self, piece: &Evolution) -> Result<Option<Time>, Failure> {
        let cut = piece.series.iter().filter(|series| series.is_cut);
        let edges = cut.filter_map(|series| self.span.time_of(&series.instances.last()?.attribute));
        let edge = edges.min();
        if edge.is_some() && !self.by_piece() {
            return Err(bad_request(format_args!(
                "more than {READ_MAX} instances of an attribute would have to be aggregated: ask \
                 for a shorter time, or by observedAt"
            )));
        }
        Ok(edge)
    }

    fn add(
        &self,
        sums: &mut Sums<'a>,
        mut piece: Evolution,
        history: &[Instance],
        (origin, edge): (Time, Option<Time>),
    ) -> Result<(), Failure> {
        if let Some(wanted) = self.scope {
            super::find::keep_in_scope(&mut piece, history, wanted, self.span);
        }
        let now = self.api.broker.now();
        for series in piece.series {
            let Some(sum) = self.sum(sums, (series.name, series.dataset_id), origin) else {
                continue;
            };
            for instance in &series.instances {
                let attribute = &instance.attribute;
                let time = self.span.time_of(attribute);
                let Some(time) = time.filter(|time| edge.is_none_or(|edge| *time <= edge)) else {
                    continue;
                };
                if attribute.is_expired(now) {
                    continue;
                }
                let max = limits::TEMPORAL_INSTANCES_MAX;
                let added = match instance.as_rolled() {
                    Some(rolled) => sum.add_rolled(time, &rolled, max),
                    None => sum.add(time, &attribute.value, max),
                };
                added.map_err(bad_request)?;
            }
        }
        Ok(())
    }
}

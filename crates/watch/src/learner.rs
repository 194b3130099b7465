//! The learner: reads from history what is usual, little by little.

use std::collections::VecDeque;

use base::{Name, Tasks, Tenant, Time};
use broker::BrokerError;
use insight::{Sample, UsualTable};
use ports::StoreError;
use trust::Call;

use crate::compact::Compact;
use crate::measures::{COUNT, Definition, How, KPI_VALUE};
use crate::tail::averages;
use crate::world::{Learned, Tally};
use crate::{Watch, past};

/// Instances of history that are read in a second, so that learning never keeps a core busy.
const INSTANCES_PER_SECOND: i64 = 40_000;
/// What asking costs, counted in instances.
const ASKING: i64 = 100;
/// The measures learn anew so often.
const MEASURES_MICROS: i64 = 3_600_000_000;
/// When, after the start, the past of measures is made from that of their inputs, if it must be.
const BEFORE_MICROS: [i64; 3] = [30_000_000, 300_000_000, 1_800_000_000];
/// An import is over when no history was written for so long.
const CALM_MICROS: i64 = 10_000_000;
/// How far back that goes.
const BEFORE_DAYS_MICROS: i64 = 7 * 86_400_000_000;
/// Of which spans the averages are taken.
const BEFORE_SPAN_MICROS: i64 = 1_800_000_000;
/// Inputs of a measure whose past is read: a sample of them is enough for an average.
const BEFORE_INPUTS_MAX: usize = 200;
/// Samples of each.
const BEFORE_SAMPLES_MAX: usize = 4_000;
/// A measure with so long a history needs none made for it.
const BEFORE_ENOUGH_MICROS: i64 = 86_400_000_000;

impl Watch {
    /// Learns until the node stops.
    pub(crate) async fn learn(&self, tasks: &Tasks) {
        let start = self.clock.now();
        let mut measures_due = start;
        let mut zone = self.zone();
        let mut before: VecDeque<Time> = BEFORE_MICROS.map(|wait| start.plus_micros(wait)).into();
        while !tasks.is_stopping() {
            let now = self.clock.now();
            let zone_now = self.zone();
            if now >= measures_due || zone_now != zone {
                measures_due = now.plus_micros(MEASURES_MICROS);
                zone = zone_now;
                self.learn_measures().await;
            }
            let due = before.front().is_some_and(|due| now >= *due);
            if due && self.is_calm(now) {
                before.pop_front();
                self.remember().await;
            }
            let next = self.inner.lock().world.next_to_learn();
            let cost = match next {
                Some((id, names)) => self.learn_device(&id, &names).await,
                None => INSTANCES_PER_SECOND,
            };
            self.rest(cost).await;
        }
    }

    /// Whether all that was there has been read, and no import is writing history.
    fn is_calm(&self, now: Time) -> bool {
        let inner = self.inner.lock();
        inner.complete && now.as_micros() - inner.imported.as_micros() >= CALM_MICROS
    }

    /// Waits as long as the work may take.
    async fn rest(&self, cost: i64) {
        let micros = cost.saturating_mul(1_000_000) / INSTANCES_PER_SECOND;
        let until = self.clock.now().plus_micros(micros);
        self.clock.sleep_until(until).await;
    }

    async fn learn_device(&self, id: &Name, names: &[Name]) -> i64 {
        let now = self.clock.now();
        let store = self.broker.store();
        let read = match past::four_weeks(&**store, id, names, now).await {
            Ok(read) => read,
            Err(reason) => {
                tracing::warn!(%id, %reason, "the history of a device cannot be read");
                return INSTANCES_PER_SECOND;
            }
        };
        let zone = self.zone();
        let mut learned = Learned::default();
        for name in names {
            let samples = read
                .samples
                .get(name)
                .map(Vec::as_slice)
                .unwrap_or_default();
            learned
                .moments
                .extend(samples.iter().map(|sample| sample.at));
            let table = UsualTable::learn(samples.iter().copied(), &zone);
            learned.tables.push((name.clone(), Compact::of(&table)));
        }
        learned.moments.sort_unstable();
        learned.moments.dedup();
        self.inner.lock().world.learned(id, learned, now);
        ASKING + i64::try_from(read.instances).unwrap_or(0)
    }

    async fn learn_measures(&self) {
        let names = [Name::from(KPI_VALUE)];
        for index in 0..COUNT {
            let Some(id) = self.inner.lock().kpis.get(index).map(|kpi| kpi.id.clone()) else {
                return;
            };
            let now = self.clock.now();
            let store = self.broker.store();
            match past::four_weeks(&**store, &id, &names, now).await {
                Ok(mut read) => {
                    let samples = read.samples.remove(KPI_VALUE).unwrap_or_default();
                    let mut inner = self.inner.lock();
                    let zone = inner.world.zone.clone();
                    if let Some(kpi) = inner.kpis.get_mut(index)
                        && !samples.is_empty()
                    {
                        kpi.learn(&samples, now, &zone);
                    }
                }
                Err(reason) => tracing::warn!(%id, %reason, "a measure's history cannot be read"),
            }
        }
    }

    /// Makes the past of measures that have next to none from the past of their inputs.
    async fn remember(&self) {
        let mut any = false;
        for index in 0..COUNT {
            match self.remember_one(index).await {
                Ok(made) => any |= made,
                Err(reason) => tracing::warn!(%reason, "the past of a measure cannot be made"),
            }
        }
        if any {
            self.learn_measures().await;
        }
    }

    async fn remember_one(&self, index: usize) -> Result<bool, BrokerError> {
        let now = self.clock.now();
        let (measure, until, inputs) = {
            let inner = self.inner.lock();
            let Some(kpi) = inner.kpis.get(index) else {
                return Ok(false);
            };
            let until = kpi.oldest.unwrap_or(now);
            let enough = now.as_micros() - until.as_micros() >= BEFORE_ENOUGH_MICROS;
            let inputs = inner.world.inputs_of(index);
            let made = matches!(kpi.definition.how, How::Mean | How::Sum | How::Percent);
            if enough || !made || inputs.is_empty() {
                return Ok(false);
            }
            (kpi.definition, until, inputs)
        };
        if measure.how == How::Sum && inputs.len() > BEFORE_INPUTS_MAX {
            return Ok(false);
        }
        let samples = self.past_of(measure, until, &inputs).await?;
        if samples.is_empty() {
            return Ok(false);
        }
        let command = self
            .inner
            .lock()
            .kpis
            .get(index)
            .map(|kpi| kpi.before(&samples));
        let Some(command) = command else {
            return Ok(false);
        };
        let call = Call::of_the_node(Tenant::default_tenant());
        self.broker.apply_one(&call, command).await?;
        Ok(true)
    }

    /// What a measure was in the days before `until`, as far as its inputs know.
    async fn past_of(
        &self,
        measure: &Definition,
        until: Time,
        inputs: &[(Name, Name, Option<f64>)],
    ) -> Result<Vec<Sample>, StoreError> {
        let store = self.broker.store();
        let span = (
            until.plus_micros(-BEFORE_DAYS_MICROS),
            until.plus_micros(-1),
        );
        let step = inputs.len().div_ceil(BEFORE_INPUTS_MAX).max(1);
        let mut tallies = std::collections::BTreeMap::<i64, (Tally, usize)>::new();
        let mut known = 0;
        for (id, attribute, total) in inputs.iter().step_by(step) {
            let names = std::slice::from_ref(attribute);
            let read = past::read(&**store, id, names, span, BEFORE_SAMPLES_MAX).await?;
            let samples = read
                .samples
                .get(attribute)
                .map(Vec::as_slice)
                .unwrap_or_default();
            known += usize::from(!samples.is_empty());
            for (number, value) in averages(samples, BEFORE_SPAN_MICROS) {
                let (tally, count) = tallies.entry(number).or_default();
                tally.add(measure.how, Some(value), *total);
                *count += 1;
            }
            self.rest(ASKING + i64::try_from(read.instances).unwrap_or(0))
                .await;
        }
        let made = tallies.into_iter().filter_map(|(number, (tally, count))| {
            // A span of which less than half of the inputs know says nothing of them all.
            let at = Time((number + 1) * BEFORE_SPAN_MICROS);
            let value = tally.value(measure.how).filter(|_| count * 2 >= known)?;
            (at < until).then_some(Sample { at, value })
        });
        Ok(made.collect())
    }
}

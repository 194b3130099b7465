//! The tail: reads what is there, then follows the log, looks at the city every two seconds and
//! writes the measures once a minute.

use std::collections::HashMap;

use base::{Name, Tenant, Time};
use ngsi::Query;
use ngsi::temporal::HistoryEdit;
use ports::{Act, Batch, Change, EntityChange, Expect, Fact, StoreError};
use trust::Call;

use crate::measures::{COUNT, KPI_URN, LEFT_OUT, SHOWN_MAX};
use crate::now::{FeedCondition, FeedState, Freshness, Measure, Now};
use crate::{Inner, Watch, details};

/// The family of the docs that say who looks after what.
pub(crate) const ATTENTION_DOC_KIND: &str = "attention";

/// Entities of a page when the watch starts.
const PAGE: usize = 500;
/// Changes that are read at once.
const CHANGES: usize = 1_000;
/// The log is read at most so often: many changes at once cost less than each for itself.
const PAUSE_MICROS: i64 = 250_000;
/// A look at the city.
const LOOK_MICROS: i64 = 2_000_000;
/// Who has fallen silent is looked for so often.
const LISTEN_MICROS: i64 = 10_000_000;
/// The measures are written so often.
const WRITE_MICROS: i64 = 60_000_000;
/// So many instances added to a history at once are an import, fewer are readings that come late.
const IMPORT_MIN: usize = 24;
/// A store that does not answer is asked again after so long.
const AGAIN_MICROS: i64 = 1_000_000;

/// What is due when.
struct Timetable {
    look: Time,
    listen: Time,
    /// The minute that was last written.
    minute: i64,
}

impl Watch {
    /// Follows the log for ever.
    pub(crate) async fn follow(&self) {
        while let Err(reason) = self.load().await {
            tracing::warn!(%reason, "the watch cannot read what is there; it tries again");
            self.wait(AGAIN_MICROS).await;
        }
        let start = self.clock.now();
        let mut due = Timetable {
            look: start,
            listen: start,
            minute: start.as_micros().div_euclid(WRITE_MICROS),
        };
        loop {
            match self.read_on().await {
                Ok(more) => {
                    self.keep(&mut due).await;
                    if more {
                        tokio::task::yield_now().await;
                        continue;
                    }
                }
                Err(reason) => {
                    tracing::warn!(%reason, "the watch cannot read the log; it tries again");
                    self.wait(AGAIN_MICROS).await;
                }
            }
            self.wait(PAUSE_MICROS).await;
            let seq = self.inner.lock().seq;
            tokio::select! {
                biased;
                _beyond = self.broker.store().beyond(seq) => {}
                () = self.clock.sleep_until(due.look) => {}
            }
        }
    }

    async fn wait(&self, micros: i64) {
        self.clock
            .sleep_until(self.clock.now().plus_micros(micros))
            .await;
    }

    /// Works on what is known; never across an await.
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock())
    }

    /// Does what is due.
    async fn keep(&self, due: &mut Timetable) {
        let now = self.clock.now();
        if now < due.look {
            return;
        }
        due.look = now.plus_micros(LOOK_MICROS);
        if now >= due.listen {
            due.listen = now.plus_micros(LISTEN_MICROS);
            self.inner.lock().world.listen(now);
        }
        self.measure(now);
        let minute = now.as_micros().div_euclid(WRITE_MICROS);
        if minute > due.minute {
            due.minute = minute;
            self.write(Time(minute * WRITE_MICROS)).await;
        }
        self.look(now).await;
    }

    /// Reads all entities, by pages, and who looks after what.
    async fn load(&self) -> Result<(), StoreError> {
        let (store, tenant) = (self.broker.store(), Tenant::default_tenant());
        let seq = store.head();
        let mut after: Option<Name> = None;
        loop {
            let kind = ATTENTION_DOC_KIND;
            let docs = store.docs(&tenant, kind, after.as_deref(), PAGE).await?;
            self.with(|inner| {
                for doc in &docs {
                    inner.attending.doc(&doc.id, Some(&doc.body));
                }
            });
            match docs.last() {
                Some(last) if docs.len() == PAGE => after = Some(last.id.clone()),
                _ => break,
            }
        }
        let mut after: Option<Name> = None;
        loop {
            let now = self.clock.now();
            let query = Query {
                now,
                ..Query::default()
            };
            let page = store.find(&tenant, &query, after.as_deref(), PAGE).await?;
            self.with(|inner| {
                for found in &page {
                    inner.world.entity(&found.entity, now);
                }
            });
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.entity.id.clone()),
                _ => break,
            }
            tokio::task::yield_now().await;
        }
        let mut inner = self.inner.lock();
        (inner.seq, inner.complete) = (seq, true);
        Ok(())
    }

    /// Takes the next changes of the log; returns whether there are more.
    async fn read_on(&self) -> Result<bool, StoreError> {
        let seq = self.inner.lock().seq;
        let changes = self.broker.store().changes(seq, CHANGES).await?;
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        for change in &changes {
            inner.take(change, now);
        }
        if inner.world.unwatched > 0 {
            let more = std::mem::take(&mut inner.world.unwatched);
            tracing::warn!(more, "entities are too many to be watched");
        }
        Ok(changes.len() == CHANGES)
    }

    fn measure(&self, now: Time) {
        let mut inner = self.inner.lock();
        let measured = inner.world.measure(now);
        for (kpi, measured) in inner.kpis.iter_mut().zip(measured) {
            kpi.measured = measured;
        }
    }

    /// Writes the measures through the door. What cannot be written is missing from their history,
    /// which is what it then says.
    async fn write(&self, minute: Time) {
        let (mut commands, mut written) = (Vec::new(), Vec::new());
        {
            let mut inner = self.inner.lock();
            let Inner { world, kpis, .. } = &mut *inner;
            for (index, kpi) in kpis.iter_mut().enumerate() {
                if let Some(command) = kpi.write(minute, &world.zone) {
                    commands.push(command);
                    written.push(index);
                }
            }
        }
        let call = Call::of_the_node(Tenant::default_tenant());
        match self.broker.apply(&call, commands).await {
            Ok(results) => {
                let mut inner = self.inner.lock();
                for (index, result) in written.into_iter().zip(results) {
                    match (result, inner.kpis.get_mut(index)) {
                        (Ok(_), Some(kpi)) => kpi.has_been_written(),
                        (Err(reason), _) => tracing::warn!(%reason, "a measure was not written"),
                        _ => {}
                    }
                }
            }
            Err(reason) => tracing::warn!(%reason, "the measures were not written"),
        }
    }

    /// Looks at the city and says what it found.
    pub(crate) async fn look(&self, now: Time) {
        let feeds = (self.feeds)();
        let (look, measures, seq, newest, complete) = {
            let mut inner = self.inner.lock();
            let Inner {
                world,
                attending,
                kpis,
                seq,
                complete,
                ..
            } = &mut *inner;
            let alarms: Vec<_> = kpis
                .iter()
                .filter_map(|kpi| kpi.alarm(now, &world.zone))
                .collect();
            let look = attending.look(world, &feeds, &alarms, now);
            let measures = shown(
                kpis.iter()
                    .filter_map(|k| k.tell(now, &world.zone))
                    .collect(),
            );
            (look, measures, *seq, world.newest, *complete)
        };
        let ids: Vec<Name> = (look.rows.iter())
            .filter_map(|(condition, _)| condition.entity.clone())
            .collect();
        let missing = self.details.lock().missing(&ids);
        for id in missing {
            let detail = details::read(&**self.broker.store(), &id).await;
            self.details.lock().insert(id, detail);
        }
        let attention = {
            let details = self.details.lock();
            let rows = look.rows.into_iter();
            rows.map(|(condition, ack)| details.tell(condition, ack))
                .collect()
        };
        self.severities.store(std::sync::Arc::new(look.severities));
        self.publish(Now {
            time: now,
            seq,
            counts: look.counts,
            measures,
            attention,
            attention_more: look.more,
            freshness: freshness(newest, &feeds, now),
            feeds,
            complete,
        });
        self.forget(look.over, now).await;
    }

    fn publish(&self, now: Now) {
        let differs = timeless(&self.now.load()) != timeless(&now);
        self.now.store(std::sync::Arc::new(now));
        if differs {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// Takes away the acknowledgements of what is over.
    async fn forget(&self, over: Vec<Name>, now: Time) {
        if over.is_empty() {
            return;
        }
        let acts = over.into_iter().map(|id| Act::Doc {
            kind: Name::from(ATTENTION_DOC_KIND),
            id,
            expect: Expect::Any,
            body: None,
        });
        let batch = Batch {
            tenant: Tenant::default_tenant(),
            time: now,
            acts: acts.collect(),
            cursor: None,
        };
        if let Err(reason) = self.broker.store().commit(batch).await {
            tracing::warn!(%reason, "acknowledgements of what is over stay in the store");
        }
    }
}

impl Inner {
    /// Takes a change of the log.
    fn take(&mut self, change: &Change, now: Time) {
        self.seq = change.seq;
        if !change.tenant.is_default() {
            return;
        }
        match &change.fact {
            Fact::Entity { id, change, .. } if id.starts_with(KPI_URN) => {
                if matches!(change, EntityChange::Delete { .. })
                    && let Some(kpi) = self.kpis.iter_mut().find(|kpi| kpi.id == *id)
                {
                    kpi.deleted();
                }
            }
            Fact::Entity { id, change, around } => self.world.change(id, change, around, now),
            Fact::Doc { kind, id, body } if *kind == *ATTENTION_DOC_KIND => {
                self.attending.doc(id, body.as_deref());
            }
            Fact::History {
                id,
                edit: HistoryEdit::Add { instances, .. },
            } if instances.len() >= IMPORT_MIN && !id.starts_with(KPI_URN) => {
                self.world.rewritten(id);
                self.imported = now;
            }
            Fact::Doc { .. } | Fact::History { .. } => {}
        }
    }
}

/// The measures that are shown: when there are too many, some give way to the others.
fn shown(mut measures: Vec<Measure>) -> Vec<Measure> {
    debug_assert!(measures.len() <= COUNT, "a measure is told once");
    for id in LEFT_OUT {
        if measures.len() > SHOWN_MAX {
            measures.retain(|measure| measure.id != id);
        }
    }
    measures
}

fn freshness(newest: Option<Time>, feeds: &[FeedState], now: Time) -> Freshness {
    let late =
        |feed: &&FeedState| matches!(feed.state, FeedCondition::Late | FeedCondition::Failing);
    Freshness {
        newest_seconds: newest.map(|at| (now.as_micros() - at.as_micros()).max(0) / 1_000_000),
        late_feeds: feeds.iter().filter(late).count(),
    }
}

/// What was said, without what changes by the mere passing of time.
fn timeless(now: &Now) -> Now {
    let mut now = now.clone();
    (now.time, now.seq) = (Time::default(), base::Seq::ZERO);
    now.freshness.newest_seconds = None;
    for measure in &mut now.measures {
        (measure.age_seconds, measure.at) = (None, None);
    }
    for feed in &mut now.feeds {
        feed.lag_seconds = None;
    }
    for item in &mut now.attention {
        for passing in ["lastSeconds", "lagSeconds"] {
            item.params.remove(passing);
        }
    }
    now
}

/// Averages of samples in spans of equal length, by the number of the span.
pub(crate) fn averages(samples: &[insight::Sample], span_micros: i64) -> HashMap<i64, f64> {
    let mut sums: HashMap<i64, (f64, f64)> = HashMap::new();
    for sample in samples {
        let span = sample.at.as_micros().div_euclid(span_micros);
        let (sum, count) = sums.entry(span).or_default();
        *sum += sample.value;
        *count += 1.0;
    }
    sums.into_iter()
        .map(|(span, (sum, count))| (span, sum / count))
        .collect()
}

//! Retention: history and records go when they were kept as long as a policy says, history step by
//! step, so that its roll-ups outlive it.
//!
//! Whole days in UTC of sealed history go, one type and day after the other, each in one edit of the
//! manifest: the files with the rows that go leave, the roll-ups made of them and what stays of the
//! others come. So nothing is lost and nothing counts twice, wherever a crash hits. Rows that come
//! late for a day that is rolled up already are merged into its roll-ups by the next run.
//!
//! Limit: a correction or a deletion of a single instance cannot reach a roll-up.

mod kept;
mod plan;
mod policy;
mod report;
#[cfg(test)]
mod tests;
mod timer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array as _, BooleanArray, RecordBatch};
use base::{Tenant, Time};
use serde_json::{Value, json};
use tokio::runtime::Handle;

pub use policy::{Keep, Policy, Step};
pub use report::{Heading, Line, Report};

use plan::{Census, Unit, Work};
use policy::Policies;

use crate::rollup::{Target, Trail, filtered, roll, texts};
use crate::sealing::blocking;
use crate::{Edit, Entry, Lake, LakeError};

/// How often a day is tried again that somebody else rewrote meanwhile.
const TRIES: u32 = 5;

/// What retention knows between its runs.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) census: Census,
    is_running: AtomicBool,
}

/// Says at its end that no run is under way any more.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Begins to look every night.
pub(crate) fn start(lake: &Arc<Lake>) {
    timer::start(lake);
}

impl Lake {
    /// The policies of a tenant, by name.
    pub async fn policies(&self, tenant: &Tenant) -> Result<Vec<(String, Policy)>, LakeError> {
        let store = self.parts.broker.store();
        Ok(kept::policies(&**store, tenant).await?.0)
    }

    /// Keeps a policy under a name; whether it is new. One that speaks of the same as another is
    /// refused.
    pub async fn put_policy(
        &self,
        tenant: &Tenant,
        name: &str,
        policy: &Policy,
    ) -> Result<bool, LakeError> {
        kept::check_name(name)?;
        let policies = self.policies(tenant).await?;
        let is_new = !policies.iter().any(|(known, _)| known == name);
        let twin = policies
            .iter()
            .find(|(known, other)| known != name && other.is_of_the_same(policy));
        if let Some((twin, _)) = twin {
            return Err(LakeError::Conflict(format!(
                "the policy '{twin}' speaks of the same type, attribute and table: change that one"
            )));
        }
        if is_new && policies.len() >= kept::POLICIES_MAX {
            return Err(LakeError::Limit(format!(
                "there are {} policies already: take one away first",
                kept::POLICIES_MAX
            )));
        }
        let store = self.parts.broker.store();
        let now = self.parts.clock.now();
        kept::put(&**store, tenant, (name, Some(policy)), now).await?;
        Ok(is_new)
    }

    /// Takes a policy away: from then on nothing goes by it.
    pub async fn remove_policy(&self, tenant: &Tenant, name: &str) -> Result<(), LakeError> {
        let policies = self.policies(tenant).await?;
        if !policies.iter().any(|(known, _)| known == name) {
            return Err(LakeError::no_policy(name));
        }
        let store = self.parts.broker.store();
        kept::put(&**store, tenant, (name, None), self.parts.clock.now()).await
    }

    /// What the last run of a tenant said.
    pub async fn last_retention(&self, tenant: &Tenant) -> Result<Option<Arc<Value>>, LakeError> {
        kept::last_run(&**self.parts.broker.store(), tenant).await
    }

    /// What a run would do now. With a policy: as if it were kept, in the place of one that speaks of
    /// the same. History that came meanwhile is sealed, as a run does; nothing goes.
    pub async fn would_retain(
        self: &Arc<Self>,
        tenant: &Tenant,
        extra: Option<Policy>,
    ) -> Result<(Report, Value), LakeError> {
        let started = self.parts.clock.now();
        self.seal_now().await?;
        let mut policies = Policies(self.policies(tenant).await?);
        if let Some(extra) = extra {
            policies
                .0
                .retain(|(_, known)| !known.is_of_the_same(&extra));
            policies.0.push((String::new(), extra));
        }
        let now = self.parts.clock.now().0;
        let mut report = Report::default();
        let manifest = self.manifest();
        self.retention.census.forget(&manifest);
        for (unit, files) in plan::units(&manifest, tenant.as_str(), &policies) {
            report.add(
                plan::plan(self, &policies, (&unit, &files), now)
                    .await?
                    .report,
            );
        }
        let said = report.to_json((started, self.parts.clock.now()), true);
        Ok((report, said))
    }

    /// Lets go what is due, for one tenant. What cannot be done now is told, and done by the next
    /// run; only one runs at a time.
    pub async fn retain(self: &Arc<Self>, tenant: &Tenant) -> Result<(Report, Value), LakeError> {
        let is_running = &self.retention.is_running;
        if is_running.swap(true, Ordering::AcqRel) {
            let what = "a run of retention is under way: look at GET /history/retention";
            return Err(LakeError::Conflict(what.to_owned()));
        }
        let _until_the_end = Running(is_running);
        let started = self.parts.clock.now();
        let mut report = Report::default();
        let mut is_stopped = false;
        if let Err(error) = self.pass(tenant, &mut report, &mut is_stopped).await {
            report.fail(error.to_string());
        }
        let ended = self.parts.clock.now();
        let mut said = report.to_json((started, ended), false);
        if let (true, Some(said)) = (is_stopped, said.as_object_mut()) {
            said.insert("stopped".to_owned(), json!(true));
        }
        let lost: u64 = report.lines.values().map(|line| line.rows).sum();
        tracing::info!(%tenant, rows = lost, failures = report.failures, "retention has run");
        metrics::counter!("chorsu_lake_retention_rows_total").increment(lost);
        metrics::counter!("chorsu_lake_retention_failures_total").increment(report.failures);
        kept::put_run(&**self.parts.broker.store(), tenant, said.clone(), ended).await?;
        Ok((report, said))
    }

    /// Does what reads and packs much on a thread for that.
    async fn on_a_thread<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F + Send + 'static,
    ) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LakeError>>,
    {
        let (lake, runtime) = (Arc::clone(self), Handle::current());
        blocking(move || runtime.block_on(work(lake))).await
    }

    async fn pass(
        self: &Arc<Self>,
        tenant: &Tenant,
        report: &mut Report,
        is_stopped: &mut bool,
    ) -> Result<(), LakeError> {
        let policies = Arc::new(Policies(self.policies(tenant).await?));
        if policies.0.is_empty() {
            return Ok(());
        }
        self.seal_now().await?;
        let now = self.parts.clock.now();
        let manifest = self.manifest();
        self.retention.census.forget(&manifest);
        for unit in plan::units(&manifest, tenant.as_str(), &policies).into_keys() {
            let done = self.treat(tenant, &policies, &unit, now).await;
            if self.parts.tasks.is_stopping() {
                *is_stopped = true;
                break;
            }
            match done {
                Ok(done) => report.add(done),
                Err(error) => report.fail(format!("{}: {error}", unit.said())),
            }
        }
        Ok(())
    }

    /// Does what is due with one unit, in one edit of the manifest.
    async fn treat(
        self: &Arc<Self>,
        tenant: &Tenant,
        policies: &Arc<Policies>,
        unit: &Unit,
        now: Time,
    ) -> Result<Report, LakeError> {
        let mut tries = 1;
        loop {
            let _alone = self.rewriting.lock().await;
            let files = plan::files(&self.manifest(), tenant.as_str(), unit);
            let trail = Arc::new(Trail::default());
            let (policies, unit) = (Arc::clone(policies), unit.clone());
            let left = Arc::clone(&trail);
            let made = self.on_a_thread(async move |lake| {
                let work = plan::plan(&lake, &policies, (&unit, &files), now.0).await?;
                let add = lake.rewrite(&policies, &unit, (&work, &left), now);
                let add = Box::pin(add).await?;
                Ok((work, add))
            });
            let (work, add) = match made.await {
                Ok(made) => made,
                Err(error) => {
                    trail.sweep(self).await;
                    return Err(error);
                }
            };
            match self.let_go_of(work, add).await {
                Err(LakeError::Conflict(_)) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn let_go_of(&self, work: Work, add: Vec<Entry>) -> Result<Report, LakeError> {
        let mut report = work.report;
        if work.remove.is_empty() {
            return Ok(report);
        }
        let sum = |of: fn(&Entry) -> u64| add.iter().map(of).sum();
        report.made = (
            add.len() as u64,
            sum(|entry| entry.rows),
            sum(|entry| entry.bytes),
        );
        let edit = Edit {
            add,
            remove: work.remove,
            ..Edit::default()
        };
        self.commit(edit).await.map(|()| report)
    }

    /// Writes what stays and what is rolled up.
    async fn rewrite(
        &self,
        policies: &Policies,
        unit: &Unit,
        (work, trail): (&Work, &Trail),
        now: Time,
    ) -> Result<Vec<Entry>, LakeError> {
        let target = |period: i64, attribute: &str| {
            let policy = policies.of(&unit.class, attribute);
            policy.map_or(Target::Keep, |policy| {
                policy.target(unit.day, period, now.0)
            })
        };
        let mut add = Vec::new();
        for entry in &work.trim {
            let stays = |batch: &RecordBatch| {
                let names = texts(batch, "attribute_uri", &entry.path)?;
                let mut last: Option<(&str, bool)> = None;
                let mut stays = |row: usize| {
                    let name = names.value(row);
                    match last {
                        Some((known, stays)) if known == name => stays,
                        _ => last.insert((name, target(0, name) == Target::Keep)).1,
                    }
                };
                Ok((0..names.len())
                    .map(|row| Some(stays(row)))
                    .collect::<BooleanArray>())
            };
            add.extend(filtered((self, trail), entry, stays).await?);
        }
        add.extend(Box::pin(roll((self, trail), &work.roll, &target)).await?);
        Ok(add)
    }
}

impl LakeError {
    /// There is no such policy.
    pub(crate) fn no_policy(name: &str) -> Self {
        Self::NotFound(format!("there is no policy '{name}'"))
    }
}

impl Unit {
    fn said(&self) -> String {
        let day = Time(i64::from(self.day).saturating_mul(crate::rollup::DAY)).to_string();
        let day = day.split_once('T').map_or("", |(day, _)| day);
        match &self.table {
            Some(table) => format!("{day} of the table {table}"),
            None => format!("{day} of {}", self.class),
        }
    }
}

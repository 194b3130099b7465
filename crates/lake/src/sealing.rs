//! The tail that takes history over from the store.
//!
//! One parcel after the other becomes files; then one commit makes them true together with the
//! cursor; then the store lets go of what they hold. Whatever fails on the way, history is still in
//! the store: the next try begins anew, and what was written for nothing is removed.

mod parcel;
mod settling;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base::{Seq, Time};
use ports::Past;

use crate::limits::PARCEL_ROWS_MAX;
use crate::{Lake, LakeError};

pub use status::{Failure, Sealing, State};

/// How often it is looked whether there is something to seal, at most, in microseconds.
const LOOK_MICROS: i64 = 5_000_000;
/// After a failure the next try waits so long, then twice as long …
const WAIT_MICROS_MIN: i64 = 1_000_000;
/// … up to this.
const WAIT_MICROS_MAX: i64 = 300_000_000;

/// Begins to take history over, if the store gives it away.
pub(crate) fn start(lake: &Arc<Lake>) {
    let Some(past) = lake.parts.past.clone() else {
        return;
    };
    if !lake.rules.seals {
        return;
    }
    let (lake, tasks) = (Arc::clone(lake), lake.parts.tasks.clone());
    tasks.clone().spawn("sealing", async move {
        let clock = Arc::clone(&lake.parts.clock);
        let mut wait = lake.rules.seal_age_micros.min(LOOK_MICROS);
        loop {
            let next = clock.now().plus_micros(wait);
            tokio::select! {
                biased;
                () = tasks.stopped() => return,
                () = clock.sleep_until(next) => {}
            }
            wait = match lake.look(&past).await {
                Ok(()) => lake.rules.seal_age_micros.min(LOOK_MICROS),
                Err(_) => (wait * 2).clamp(WAIT_MICROS_MIN, WAIT_MICROS_MAX),
            };
        }
    });
}

/// Does what blocks on the disk on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LakeError> + Send + 'static,
) -> Result<T, LakeError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|ended| LakeError::GivenUp(ended.to_string()))?
}

impl Lake {
    /// Takes over all that has arrived by now, as far as the store gives history away.
    pub async fn seal_now(self: &Arc<Self>) -> Result<Seq, LakeError> {
        let Some(past) = self.parts.past.clone().filter(|_| self.rules.seals) else {
            return self.keeper.taken().await;
        };
        self.seal(&past, self.parts.broker.store().head()).await
    }

    /// Takes over all that has arrived if anything ever was, even where nothing more is to be: what was
    /// taken out must be heard of.
    pub(crate) async fn seal_cuts(self: &Arc<Self>) -> Result<(), LakeError> {
        let Some(past) = self.parts.past.clone() else {
            return Ok(());
        };
        if !self.rules.seals && self.keeper.taken().await? == Seq::ZERO {
            return Ok(());
        }
        self.seal(&past, self.parts.broker.store().head())
            .await
            .map(drop)
    }

    /// Takes over what has arrived, unless that was last done less than so many microseconds ago.
    pub async fn catch_up(self: &Arc<Self>, max_age_micros: i64) -> Result<(), LakeError> {
        let oldest = self.parts.clock.now().plus_micros(-max_age_micros.max(0));
        let is_fresh = || self.state.sealing().last.is_some_and(|last| last >= oldest);
        if is_fresh() {
            return Ok(());
        }
        self.seal_now().await.map(drop)
    }

    /// Seals if there is much, or if something has waited long.
    async fn look(self: &Arc<Self>, past: &Arc<dyn Past>) -> Result<(), LakeError> {
        let now = self.parts.clock.now();
        let pending = self.look_behind().await?;
        let head = self.parts.broker.store().head();
        let since = self.state.sealing().last.unwrap_or(self.started);
        let has_waited = now.0.saturating_sub(since.0) >= self.rules.seal_age_micros;
        if pending < self.rules.seal_bytes && !has_waited {
            return Ok(());
        }
        self.seal(past, head).await.map(drop)
    }

    /// Takes over what arrived up to a change, parcel by parcel.
    async fn seal(self: &Arc<Self>, past: &Arc<dyn Past>, goal: Seq) -> Result<Seq, LakeError> {
        let _one_at_a_time = self.sealing.lock().await;
        let began = self.parts.clock.now();
        let sealed = self.seal_to(past, goal).await;
        let now = self.parts.clock.now();
        match &sealed {
            Ok(until) => self.state.sealed(*until, began),
            Err(error) => {
                tracing::warn!(%error, "history could not be taken over; it stays in the store");
                self.state.failed(error, now);
            }
        }
        sealed
    }

    async fn seal_to(self: &Arc<Self>, past: &Arc<dyn Past>, goal: Seq) -> Result<Seq, LakeError> {
        let mut taken = self.keeper.taken().await?;
        // What a crash or a failure left to be done is done again.
        self.let_go(past, taken).await?;
        while taken < goal && !self.parts.tasks.is_stopping() {
            let (lake, asked) = (Arc::clone(self), Arc::clone(past));
            let made = blocking(move || parcel::make(&lake, &*asked, taken, PARCEL_ROWS_MAX));
            let Some(made) = made.await? else { break };
            taken = made.until;
            let rows = made.rows;
            let began = self.parts.clock.now();
            self.settle(made).await?;
            self.let_go(past, taken).await?;
            let micros = self.parts.clock.now().0.saturating_sub(began.0);
            metrics::counter!("chorsu_lake_sealed_rows_total").increment(rows);
            tracing::debug!(until = taken.0, rows, micros, "history is taken over");
        }
        Ok(taken)
    }

    async fn let_go(&self, past: &Arc<dyn Past>, until: Seq) -> Result<(), LakeError> {
        let past = Arc::clone(past);
        blocking(move || Ok(past.let_go(until)?)).await
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Time {
        self.parts.clock.now()
    }
}

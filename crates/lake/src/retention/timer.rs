//! Retention by the clock: every night, and at the start if a night was missed.

use std::sync::Arc;

use base::{Tenant, Time};

use crate::Lake;
use crate::retention::kept;
use crate::rollup::DAY;

/// After midnight in UTC, when another day is due: rows of the day before have come.
const AFTER_MIDNIGHT: i64 = 600_000_000;
/// When what failed is tried again.
const AGAIN: i64 = 3_600_000_000;

/// Begins to look, every night.
pub(crate) fn start(lake: &Arc<Lake>) {
    let weak = Arc::downgrade(lake);
    let tasks = lake.parts.tasks.clone();
    lake.parts.tasks.spawn("retention", async move {
        loop {
            let Some(lake) = weak.upgrade() else { return };
            let is_well = night(&lake).await;
            let now = lake.parts.clock.now();
            let next = next_night(now);
            let again = now.plus_micros(AGAIN);
            let next = if is_well { next } else { next.min(again) };
            let clock = Arc::clone(&lake.parts.clock);
            drop(lake);
            tokio::select! {
                biased;
                () = tasks.stopped() => return,
                () = clock.sleep_until(next) => {}
            }
        }
    });
}

/// The first moment after `now` at which there is a run.
fn next_night(now: Time) -> Time {
    let nights = (now.0 - AFTER_MIDNIGHT).div_euclid(DAY) + 1;
    Time(nights.saturating_mul(DAY).saturating_add(AFTER_MIDNIGHT))
}

/// Runs for every tenant that has policies and was not looked at since the last night; whether all
/// went well.
async fn night(lake: &Arc<Lake>) -> bool {
    let tenants = match lake.parts.broker.store().tenants().await {
        Ok(tenants) => tenants,
        Err(error) => {
            tracing::warn!(%error, "retention has to wait");
            return false;
        }
    };
    let mut is_well = true;
    for tenant in tenants.iter().filter(|tenant| !tenant.is_hidden()) {
        if lake.parts.tasks.is_stopping() {
            return true;
        }
        match one(lake, tenant).await {
            Ok(well) => is_well &= well,
            Err(error) => {
                tracing::warn!(%tenant, %error, "retention has to wait");
                is_well = false;
            }
        }
    }
    is_well
}

async fn one(lake: &Arc<Lake>, tenant: &Tenant) -> Result<bool, crate::LakeError> {
    let store = lake.parts.broker.store();
    if kept::policies(&**store, tenant).await?.0.is_empty() {
        return Ok(true);
    }
    let last = kept::last_run(&**store, tenant).await?;
    let is_done = last.is_some_and(|said| {
        let started = said.get("startedAt").and_then(|text| text.as_str());
        let started = started.and_then(|text| Time::parse(text).ok());
        let is_well = said.get("failures").and_then(serde_json::Value::as_u64) == Some(0);
        let is_whole = said.get("stopped").is_none();
        let is_recent = started.is_some_and(|at| next_night(at) > lake.parts.clock.now());
        is_recent && is_well && is_whole
    });
    if is_done {
        return Ok(true);
    }
    let (report, _) = lake.retain(tenant).await?;
    Ok(report.failures == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_night_is_ten_minutes_after_the_next_midnight() {
        let next = |text: &str| next_night(Time::parse(text).expect("a time")).to_string();
        assert_eq!(next("2026-11-22T00:09:59Z"), "2026-11-22T00:10:00Z");
        assert_eq!(next("2026-11-22T00:10:00Z"), "2026-11-23T00:10:00Z");
        assert_eq!(next("2026-12-31T23:59:59Z"), "2027-01-01T00:10:00Z");
    }
}

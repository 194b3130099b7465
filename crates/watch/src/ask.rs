//! Questions and acts of callers: what is usual, who looks after what.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use insight::{Slot, UsualTable};
use jiff::tz::TimeZone;
use ports::{Act, Batch, Expect};
use serde_json::{Value, json};
use trust::{Call, Operation, Principal};

use crate::now::{Acknowledged, Range, Usual};
use crate::tail::ATTENTION_DOC_KIND;
use crate::{Watch, WatchError, past};

const HOUR_MICROS: i64 = 3_600_000_000;
/// On a longer chart an hour is less than a pixel, and no range is drawn.
const USUAL_HOURS_MAX: i64 = 62 * 24;

impl Watch {
    /// What is usual for an attribute from `from` to `until`: a range for every hour, as of the
    /// four weeks before `until`. Hours of which too little is known are left out; of spans longer
    /// than 62 days all are.
    pub async fn usual(
        &self,
        call: &Call,
        entity: &str,
        attribute: &str,
        from: Time,
        until: Time,
    ) -> Result<Vec<Usual>, WatchError> {
        self.broker.authorize(call, Operation::History)?;
        if until < from {
            let reason = format!("the span ends at {until}, before it begins at {from}");
            return Err(WatchError::SpanInvalid { reason });
        }
        if until.as_micros() - from.as_micros() > USUAL_HOURS_MAX * HOUR_MICROS {
            return Ok(Vec::new());
        }
        let zone = self.zone();
        let names = [Name::from(attribute)];
        let tables = self.tables(call, entity, &names, until, &zone).await?;
        let Some(table) = tables.into_iter().next() else {
            return Ok(Vec::new());
        };
        Ok(hours(from, until, &zone)
            .filter_map(|at| {
                let band = table.at(Slot::of(at, &zone).0)?.band;
                Some(Usual {
                    at,
                    low: band.low,
                    mid: band.mid,
                    high: band.high,
                })
            })
            .collect())
    }

    /// What is usual for attributes of an entity at this hour, in their order; `None`: too little
    /// is known.
    pub async fn usual_now(
        &self,
        call: &Call,
        entity: &str,
        attributes: &[Name],
    ) -> Result<Vec<Option<Range>>, WatchError> {
        self.broker.authorize(call, Operation::History)?;
        let (now, zone) = (self.clock.now(), self.zone());
        let slot = Slot::of(now, &zone).0;
        let tables = self.tables(call, entity, attributes, now, &zone).await?;
        let range = |table: &UsualTable| table.at(slot).map(|usual| usual.band.into());
        Ok(tables.iter().map(range).collect())
    }

    async fn tables(
        &self,
        call: &Call,
        entity: &str,
        attributes: &[Name],
        until: Time,
        zone: &TimeZone,
    ) -> Result<Vec<UsualTable>, WatchError> {
        if !call.tenant.is_default() {
            return Ok(vec![UsualTable::default(); attributes.len()]);
        }
        let store = self.broker.store();
        let mut read = past::four_weeks(&**store, entity, attributes, until).await?;
        let tables = attributes.iter().map(|name| {
            let samples = read.samples.remove(name).unwrap_or_default();
            UsualTable::learn(samples, zone)
        });
        Ok(tables.collect())
    }

    /// Says that somebody looks after something: it stays so until the condition ends.
    pub async fn acknowledge(&self, call: &Call, id: &str) -> Result<(), WatchError> {
        self.broker.authorize(call, Operation::Write)?;
        let since = self.attention(id)?;
        let (at, by) = (self.clock.now(), who(&call.principal));
        let body = json!({
            "at": at.to_string(),
            "by": by,
            "since": since.to_string(),
        });
        self.commit(id, Some(body)).await?;
        self.show(id, Some(&Acknowledged { at, by }));
        Ok(())
    }

    /// Takes that back.
    pub async fn unacknowledge(&self, call: &Call, id: &str) -> Result<(), WatchError> {
        self.broker.authorize(call, Operation::Write)?;
        self.attention(id)?;
        self.commit(id, None).await?;
        self.show(id, None);
        Ok(())
    }

    /// Since when something needs attention.
    fn attention(&self, id: &str) -> Result<Time, WatchError> {
        let now = self.now.load();
        let found = now.attention.iter().find(|item| item.id == *id);
        found
            .map(|item| item.since)
            .ok_or_else(|| WatchError::AttentionUnknown {
                id: Name::from(id.chars().take(64).collect::<String>()),
            })
    }

    async fn commit(&self, id: &str, body: Option<Value>) -> Result<(), WatchError> {
        let id = Name::from(id);
        let body = body.map(Arc::new);
        let act = Act::Doc {
            kind: Name::from(ATTENTION_DOC_KIND),
            id: id.clone(),
            expect: Expect::Any,
            body: body.clone(),
        };
        let batch = Batch {
            tenant: Tenant::default_tenant(),
            time: self.clock.now(),
            acts: vec![act],
            cursor: None,
        };
        self.broker.store().commit(batch).await?;
        // Whoever asked sees it at once; the log brings it a second time.
        self.inner.lock().attending.doc(&id, body.as_deref());
        Ok(())
    }

    fn show(&self, id: &str, acknowledged: Option<&Acknowledged>) {
        self.now.rcu(|now| {
            let mut now = now.as_ref().clone();
            if let Some(item) = now.attention.iter_mut().find(|item| item.id == *id) {
                item.acknowledged = acknowledged.cloned();
            }
            now
        });
        self.version.send_modify(|version| *version += 1);
    }
}

/// The name by which people know who asks.
fn who(principal: &Principal) -> String {
    match principal {
        Principal::Token { name, .. } => name.to_string(),
        other => other.label().to_owned(),
    }
}

/// The beginning of the span and every full hour in it, on the city's clock.
fn hours(from: Time, until: Time, zone: &TimeZone) -> impl Iterator<Item = Time> {
    // Zones are whole quarters of an hour away from UTC; those that are not begin a little late.
    let (slot, _) = Slot::of(from, zone);
    let quarter = HOUR_MICROS / 4;
    let mut first = Time((from.as_micros().div_euclid(quarter) + 1) * quarter);
    while Slot::of(first, zone).0 == slot {
        first = first.plus_micros(quarter);
    }
    let count = (until.as_micros() - first.as_micros()).div_euclid(HOUR_MICROS);
    let full = (0..=count).map(move |hour| first.plus_micros(hour * HOUR_MICROS));
    std::iter::once(from).chain(full)
}

//! How the lake stands: for people, for `GET /lake`, and for Prometheus.

use std::sync::Arc;

use serde::Serialize;

use crate::naming::{date, period_word};
use crate::sealing::{Failure, blocking};
use crate::{Lake, LakeError, Manifest, Table};

/// How the lake stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    place: String,
    /// Whether history is taken over from the store.
    seals: bool,
    files: u64,
    rows: u64,
    bytes: u64,
    tables: Vec<Count>,
    sealing: Tail,
    /// Files that count no more and are still there, for readers that have an older list.
    leaving_files: u64,
}

/// What there is of a table, of all tenants.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    table: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    files: u64,
    rows: u64,
    bytes: u64,
    bytes_per_row: f64,
    oldest_day: String,
    newest_day: String,
}

/// How far history was taken over.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tail {
    until: u64,
    last_at: Option<String>,
    pending_changes: u64,
    pending_bytes: u64,
    last_error: Option<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    what: String,
    at: String,
}

impl From<Failure> for Told {
    fn from(Failure { what, at }: Failure) -> Self {
        Self {
            what,
            at: at.to_string(),
        }
    }
}

impl Lake {
    /// How the lake stands now.
    pub async fn status(&self) -> Result<Status, LakeError> {
        self.look_behind().await?;
        let sealing = self.state.sealing();
        let manifest = self.manifest();
        let tables = count(&manifest);
        let sum = |of: fn(&Count) -> u64| tables.iter().map(of).sum();
        Ok(Status {
            place: self.objects.root().to_owned(),
            seals: self.rules.seals && self.parts.past.is_some(),
            files: sum(|count| count.files),
            rows: sum(|count| count.rows),
            bytes: sum(|count| count.bytes),
            sealing: Tail {
                until: self.keeper.taken().await?.0,
                last_at: sealing.last.map(|time| time.to_string()),
                pending_changes: sealing.pending_changes,
                pending_bytes: sealing.pending_bytes,
                last_error: sealing.failure.map(Told::from),
            },
            leaving_files: self.keeper.gone() as u64,
            tables,
        })
    }

    /// Looks how much is still to be taken over.
    pub(crate) async fn look_behind(&self) -> Result<u64, LakeError> {
        let taken = self.keeper.taken().await?;
        let pending = match &self.parts.past {
            Some(past) => {
                let past = Arc::clone(past);
                blocking(move || Ok(past.pending_bytes(taken))).await?
            }
            None => 0,
        };
        // The edits of the lake itself are changes too: they do not wait for anything.
        let behind = match pending {
            0 => 0,
            _ => self.parts.broker.store().head().0.saturating_sub(taken.0),
        };
        self.state.saw(pending, behind);
        Ok(pending)
    }

    /// Shows Prometheus how the lake stands.
    pub(crate) fn meter(&self) {
        for count in count(&self.manifest()) {
            let table = match (&count.period, &count.name) {
                (Some(of), _) | (_, Some(of)) => format!("{}.{of}", count.table),
                _ => count.table.to_owned(),
            };
            gauge("chorsu_lake_files", &table, count.files);
            gauge("chorsu_lake_rows", &table, count.rows);
            gauge("chorsu_lake_bytes", &table, count.bytes);
        }
        let sealing = self.state.sealing();
        set("chorsu_lake_pending_bytes", sealing.pending_bytes);
        set("chorsu_lake_pending_changes", sealing.pending_changes);
        set("chorsu_lake_leaving_files", self.keeper.gone() as u64);
        set(
            "chorsu_lake_sealing_fails",
            u64::from(sealing.failure.is_some()),
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a meter shows the nearest float"
)]
fn gauge(name: &'static str, table: &str, value: u64) {
    metrics::gauge!(name, "table" => table.to_owned()).set(value as f64);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a meter shows the nearest float"
)]
fn set(name: &'static str, value: u64) {
    metrics::gauge!(name).set(value as f64);
}

/// What there is of each table.
fn count(manifest: &Manifest) -> Vec<Count> {
    let mut counts: Vec<(Table, Count, (i32, i32))> = Vec::new();
    for (partition, files) in manifest.partitions() {
        let day = partition.day;
        let place = counts
            .iter()
            .position(|(table, ..)| *table == partition.table);
        let place = place.unwrap_or_else(|| {
            counts.push((partition.table.clone(), none(&partition.table), (day, day)));
            counts.len() - 1
        });
        let Some((_, count, days)) = counts.get_mut(place) else {
            continue;
        };
        *days = (days.0.min(day), days.1.max(day));
        for file in files {
            count.files += 1;
            count.rows += file.rows;
            count.bytes += file.bytes;
        }
    }
    let finish = |(_, mut count, (oldest, newest)): (Table, Count, (i32, i32))| {
        count.bytes_per_row = ratio(count.bytes, count.rows);
        (count.oldest_day, count.newest_day) = (date(oldest), date(newest));
        count
    };
    counts.into_iter().map(finish).collect()
}

fn none(table: &Table) -> Count {
    let (word, period, name) = match table {
        Table::History => ("history", None, None),
        Table::Rolled(period) => ("rolled", Some(period_word(*period)), None),
        Table::Records(name) => ("records", None, Some(name.clone())),
    };
    Count {
        table: word,
        period,
        name,
        files: 0,
        rows: 0,
        bytes: 0,
        bytes_per_row: 0.0,
        oldest_day: String::new(),
        newest_day: String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "two digits of it are read")]
fn ratio(bytes: u64, rows: u64) -> f64 {
    (bytes as f64 / rows.max(1) as f64 * 100.0).round() / 100.0
}

//! What a run did, or would do, in figures.

use std::collections::BTreeMap;

use base::Time;
use serde_json::{Value, json};

use crate::Entry;
use crate::naming::period_word;
use crate::retention::plan::{Share, Unit};
use crate::rollup::Target;

/// Lines that are kept of a run.
const LINES_MAX: usize = 500;
/// Failures that are kept of a run.
const FAILURES_MAX: usize = 50;

/// What a line speaks of: the files of one type in one step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heading {
    /// The table of records; `None`: history.
    pub table: Option<String>,
    /// The expanded name of the type.
    pub class: String,
    /// The period of roll-ups in microseconds; 0: history itself, or records.
    pub period: i64,
}

impl Heading {
    pub(crate) fn of(unit: &Unit, period: i64) -> Self {
        Self {
            table: unit.table.clone(),
            class: unit.class.clone(),
            period,
        }
    }
}

/// What goes, and what is left of what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Days of which something goes.
    pub days: u64,
    /// Files that go whole, and their bytes.
    pub files: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Rows that go.
    pub rows: u64,
    /// Of those: how many are rolled up into periods of so many microseconds.
    pub rolled: BTreeMap<i64, u64>,
    /// Files that are written anew, as only some of their rows go, or as rows join them.
    pub rewritten_files: u64,
    /// Bytes of those, as they were.
    pub rewritten_bytes: u64,
    /// Files that are not touched.
    pub left_files: u64,
    /// Bytes of those.
    pub left_bytes: u64,
    /// Rows that stay, in whatever file.
    pub left_rows: u64,
}

impl Line {
    /// Counts a file.
    pub(crate) fn count(&mut self, entry: &Entry, share: &Share, is_touched: bool) {
        let stays = share.get(&Target::Keep).copied().unwrap_or_default();
        self.left_rows += stays;
        self.rows += entry.rows.saturating_sub(stays);
        for (target, rows) in share {
            if let Target::Into(period) = target {
                *self.rolled.entry(*period).or_default() += rows;
            }
        }
        let (files, bytes) = match (is_touched, stays > 0) {
            (false, _) => (&mut self.left_files, &mut self.left_bytes),
            (true, false) => (&mut self.files, &mut self.bytes),
            (true, true) => (&mut self.rewritten_files, &mut self.rewritten_bytes),
        };
        *files += 1;
        *bytes += entry.bytes;
    }

    fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.files += other.files;
        self.bytes += other.bytes;
        self.rows += other.rows;
        for (period, rows) in &other.rolled {
            *self.rolled.entry(*period).or_default() += rows;
        }
        self.rewritten_files += other.rewritten_files;
        self.rewritten_bytes += other.rewritten_bytes;
        self.left_files += other.left_files;
        self.left_bytes += other.left_bytes;
        self.left_rows += other.left_rows;
    }

    fn to_json(&self) -> Value {
        let rolled = self.rolled.iter();
        let rolled: BTreeMap<_, _> = rolled
            .map(|(period, rows)| (period_word(*period), rows))
            .collect();
        json!({
            "days": self.days,
            "files": self.files,
            "bytes": self.bytes,
            "rows": self.rows,
            "rolledUp": rolled,
            "rewritten": { "files": self.rewritten_files, "bytes": self.rewritten_bytes },
            "left": { "rows": self.left_rows, "files": self.left_files, "bytes": self.left_bytes },
        })
    }
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// By what.
    pub lines: BTreeMap<Heading, Line>,
    /// Files that were written: their number, rows and bytes. A dry run writes none.
    pub made: (u64, u64, u64),
    /// What could not be done, and why.
    pub failed: Vec<String>,
    /// How many that are, also those that are not listed.
    pub failures: u64,
}

impl Report {
    /// Adds what another says.
    pub(crate) fn add(&mut self, other: Self) {
        for (heading, line) in other.lines {
            self.lines.entry(heading).or_default().add(&line);
        }
        let (files, rows, bytes) = other.made;
        self.made = (self.made.0 + files, self.made.1 + rows, self.made.2 + bytes);
        for failure in other.failed {
            self.fail(failure);
        }
    }

    /// Says that something could not be done.
    pub(crate) fn fail(&mut self, what: String) {
        self.failures += 1;
        if self.failed.len() < FAILURES_MAX {
            self.failed.push(what);
        }
    }

    /// As JSON: only lines of which something goes, or all.
    pub(crate) fn to_json(&self, times: (Time, Time), is_whole: bool) -> Value {
        let lines = self
            .lines
            .iter()
            .filter(|(_, line)| is_whole || line.rows > 0);
        let line = |(heading, line): (&Heading, &Line)| {
            let mut said = line.to_json();
            let (table, kind) = match (&heading.table, heading.period) {
                (Some(name), _) => (format!("records.{name}"), Value::Null),
                (None, 0) => ("history".to_owned(), json!(heading.class)),
                (None, period) => (
                    format!("rolled.{}", period_word(period)),
                    json!(heading.class),
                ),
            };
            if let Some(said) = said.as_object_mut() {
                said.shift_insert(0, "table".to_owned(), json!(table));
                if !kind.is_null() {
                    said.shift_insert(1, "type".to_owned(), kind);
                }
            }
            said
        };
        let (files, rows, bytes) = self.made;
        let mut total = Line::default();
        self.lines.values().for_each(|line| total.add(line));
        json!({
            "startedAt": times.0.to_string(),
            "endedAt": times.1.to_string(),
            "total": total.to_json(),
            "lines": lines.take(LINES_MAX).map(line).collect::<Vec<_>>(),
            "made": { "files": files, "rows": rows, "bytes": bytes },
            "failures": self.failures,
            "failed": self.failed,
        })
    }
}

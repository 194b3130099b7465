//! How an import looks to the person before the screen: a bar while it runs, a report at the end.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ingest::{Complaint, Progress, Report};

use super::deliver::Sums;

/// Complaints and refusals listed in a report; the rest is counted.
const LISTED_MAX: usize = 50;
/// Steps of the bar: bytes of files do not fit one scale when the stage changes.
const STEPS: u64 = 1_000;

/// A bar on standard error; none where that is no terminal.
pub(super) struct Show {
    bar: ProgressBar,
    complaints: u64,
}

impl Show {
    pub(super) fn new() -> Self {
        let bar =
            ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(10));
        let template = "{msg:30!} [{bar:32}] {percent:>3} %  {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, complaints: 0 }
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Show {
    fn at(&mut self, stage: &str, done: u64, total: u64) {
        let share = (u128::from(done) * u128::from(STEPS)).checked_div(u128::from(total));
        self.bar.set_position(
            share
                .and_then(|share| u64::try_from(share).ok())
                .unwrap_or(0),
        );
        let complaints = match self.complaints {
            0 => String::new(),
            number => format!(" ({number} bad)"),
        };
        self.bar.set_message(format!("{stage}{complaints}"));
    }

    fn complaint(&mut self, _complaint: &Complaint) {
        self.complaints += 1;
    }
}

/// Says what became of everything.
#[expect(
    clippy::print_stdout,
    reason = "the report is what the command answers"
)]
pub(super) fn report(name: &str, report: &Report, sums: &Sums, is_dry: bool) {
    let kinds: Vec<String> = report
        .entities
        .iter()
        .map(|(kind, number)| format!("{number} {kind}"))
        .collect();
    let kinds = if kinds.is_empty() {
        "none".to_owned()
    } else {
        kinds.join(", ")
    };
    println!("{name}: {} entities ({kinds})", report.entity_count());
    if report.history_values > 0 {
        println!("  history: {} values", report.history_values);
    }
    if is_dry {
        println!("  nothing was written: this was a dry run");
    } else {
        println!(
            "  created {} · updated {} · unchanged {} · refused {}",
            sums.created, sums.updated, sums.unchanged, sums.refused
        );
    }
    for part in &report.left_out {
        println!("  left out: {part}");
    }
    if report.complaint_count > 0 {
        println!(
            "  {} places in the file were not used as they stand:",
            report.complaint_count
        );
        for complaint in report.complaints.iter().take(LISTED_MAX) {
            println!("    {complaint}");
        }
        more(report.complaint_count);
    }
    if sums.refused > 0 {
        println!("  refused by the node:");
        for (id, reason) in sums.refusals.iter().take(LISTED_MAX) {
            println!("    {id}: {reason}");
        }
        more(sums.refused);
    }
}

#[expect(clippy::print_stdout, reason = "a line of the report")]
fn more(number: u64) {
    let hidden = number.saturating_sub(u64::try_from(LISTED_MAX).unwrap_or(u64::MAX));
    if hidden > 0 {
        println!("    … and {hidden} more");
    }
}

//! The table: rows of Markdown.

use std::fmt::Write as _;
use std::time::Duration;

/// A table under way.
#[derive(Debug)]
pub(crate) struct Table {
    text: String,
}

impl Table {
    /// A table with this head.
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = Self {
            text: String::new(),
        };
        table.row(
            &head
                .iter()
                .map(|cell| (*cell).to_owned())
                .collect::<Vec<_>>(),
        );
        table.row(&vec!["---".to_owned(); head.len()]);
        table
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: &[String]) {
        // Writing to a String cannot fail.
        let _infallible = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    /// The Markdown.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// `1234567` as `1.23 M`, `12345` as `12.3 k`.
pub(crate) fn count(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e4 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// A length of time with the unit that fits.
pub(crate) fn time(length: Duration) -> String {
    match length.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// Bytes in MiB or GiB.
pub(crate) fn bytes(number: u64) -> String {
    let mib = crate::load::to_float(number) / 1_048_576.0;
    if mib >= 1_024.0 {
        format!("{:.2} GiB", mib / 1_024.0)
    } else {
        format!("{mib:.0} MiB")
    }
}

/// The middle one.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(count(1_234_567.0), "1.23 M");
        assert_eq!(count(12_345.0), "12.3 k");
        assert_eq!(count(42.0), "42");
        assert_eq!(time(Duration::from_micros(1_500)), "1.5 ms");
        assert_eq!(time(Duration::from_secs(2)), "2.00 s");
        assert_eq!(bytes(3 << 29), "1.50 GiB");
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["1".to_owned(), "2".to_owned()]);
        assert_eq!(table.text(), "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}

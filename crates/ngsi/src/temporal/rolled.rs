//! What is left of the instances of a period when they themselves are no longer kept.

use base::Time;

/// The numbers of one series in one period, rolled up.
#[derive(Debug, Clone, PartialEq)]
pub struct Rolled {
    /// How long the period is, in microseconds; it begins at the moment of its row.
    pub period: i64,
    /// How many numbers there were; greater than zero.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
    /// The one that came last …
    pub last: f64,
    /// … and when.
    pub last_at: Time,
}

impl Rolled {
    /// The arithmetic mean.
    #[expect(clippy::cast_precision_loss, reason = "no period has 2^53 instances")]
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

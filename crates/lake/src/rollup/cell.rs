//! What is known of the instances of one period, while it is being gathered.

use crate::rollup::Sketch;

/// Which row of a series: fields in the order of the rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// When the period begins.
    pub(crate) time: i64,
    /// Whether the instances have `observedAt`.
    pub(crate) observed: bool,
    /// Their `unitCode`.
    pub(crate) unit: Option<String>,
    /// Whether they are no numbers.
    pub(crate) other: bool,
}

/// The instances of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) count: u64,
    pub(crate) last_at: i64,
    /// Tells of two instances of one moment which came last; of a roll-up it is not known.
    pub(crate) tie: (i64, i32),
    pub(crate) last: Last,
}

/// What came last, and of numbers all the rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Last {
    /// Numbers.
    Numbers(Box<Numbers>),
    /// What is no number.
    Text(String),
}

/// The numbers of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    pub(crate) sum_of_squares: f64,
    pub(crate) last: f64,
    pub(crate) sketch: Sketch,
}

impl Cell {
    /// Of one number.
    pub(crate) fn number(number: f64, at: i64, tie: (i64, i32)) -> Self {
        let mut sketch = Sketch::default();
        sketch.add(number);
        Self {
            count: 1,
            last_at: at,
            tie,
            last: Last::Numbers(Box::new(Numbers {
                min: number,
                max: number,
                sum: number,
                sum_of_squares: number * number,
                last: number,
                sketch,
            })),
        }
    }

    /// Of one value that is no number.
    pub(crate) fn text(text: &str, at: i64, tie: (i64, i32)) -> Self {
        Self {
            count: 1,
            last_at: at,
            tie,
            last: Last::Text(text.to_owned()),
        }
    }

    /// Takes the instances of another cell of the same slot in.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        let is_later = (other.last_at, other.tie) >= (self.last_at, self.tie);
        if is_later {
            (self.last_at, self.tie) = (other.last_at, other.tie);
        }
        match (&mut self.last, other.last) {
            (Last::Numbers(own), Last::Numbers(other)) => own.merge(&other, is_later),
            (own, other) if is_later => *own = other,
            _ => {}
        }
    }
}

impl Numbers {
    /// Takes a single number in, without a sketch of its own.
    pub(crate) fn add(&mut self, number: f64) {
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        self.sum += number;
        self.sum_of_squares = number.mul_add(number, self.sum_of_squares);
        self.sketch.add(number);
    }

    fn merge(&mut self, other: &Self, is_later: bool) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
        self.sketch.merge(&other.sketch);
        if is_later {
            self.last = other.last;
        }
    }
}

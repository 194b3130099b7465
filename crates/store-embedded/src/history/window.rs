//! Windows: which rows a read needs, from the span that was asked for.

use base::Time;
use ngsi::temporal::{Bound, Span, TimeProperty};

use super::grave::Grave;
use super::row::{Row, SeriesKey};

/// The rows that a read has to look at.
#[derive(Debug)]
pub(super) struct Window<'a> {
    /// Moments before it are of no use.
    pub(super) from: i64,
    /// Moments after it are of no use.
    pub(super) until: i64,
    span: &'a Span,
    graves: &'a [Grave],
    /// Whether what the span holds can be told from moments alone.
    by_moment: bool,
}

impl<'a> Window<'a> {
    /// The window of a span over what the graves leave.
    pub(super) fn new(span: &'a Span, graves: &'a [Grave]) -> Self {
        let bounded = span.from.is_some() || span.until.is_some();
        let observed = span.property == TimeProperty::ObservedAt;
        let edge = |bound: Option<Bound>| bound.filter(|_| observed).map(|bound| bound.time.0);
        Self {
            from: edge(span.from).unwrap_or(i64::MIN),
            until: edge(span.until).unwrap_or(i64::MAX),
            span,
            graves,
            by_moment: observed || (!bounded && span.property != TimeProperty::DeletedAt),
        }
    }

    /// Whether the read begins with the latest rows.
    pub(super) fn is_last(&self) -> bool {
        self.span.last
    }

    /// Whether a row of that moment can count.
    pub(super) fn has(&self, moment: i64) -> bool {
        (self.from..=self.until).contains(&moment)
    }

    /// Whether the row belongs to the span; attributes asked for are another matter.
    pub(super) fn holds(&self, row: &Row) -> bool {
        let bounded = self.span.from.is_some() || self.span.until.is_some();
        if !bounded && self.span.property != TimeProperty::DeletedAt {
            return true;
        }
        let Some(time) = row.time(self.span.property) else {
            return false;
        };
        let is_in = |bound: Option<Bound>, inside: fn(&Time, &Time) -> bool| {
            bound.is_none_or(|b| inside(&time, &b.time) || (b.inclusive && time == b.time))
        };
        is_in(self.span.from, Time::gt) && is_in(self.span.until, Time::lt)
    }

    /// How many rows of different moments are needed, if that is known.
    pub(super) fn most(&self) -> Option<usize> {
        self.by_moment.then(|| self.span.limit.saturating_add(2))
    }

    /// Counts rows in the direction of the read, to know when there are enough of them.
    pub(super) fn counter(&self) -> Counter<'_> {
        let wanted = self.by_moment.then_some(self.span.limit);
        Counter {
            window: self,
            wanted,
            found: 0,
            last: None,
        }
    }
}

/// How many different moments of rows that count have been seen.
#[derive(Debug)]
pub(super) struct Counter<'a> {
    window: &'a Window<'a>,
    wanted: Option<usize>,
    found: usize,
    last: Option<i64>,
}

impl Counter<'_> {
    /// Whether neither this row nor any beyond it is needed: one more than the limit is there.
    pub(super) fn is_full(&self, row: &Row) -> bool {
        self.wanted.is_some_and(|wanted| self.found > wanted) && self.last != Some(row.moment)
    }

    /// Counts a row.
    pub(super) fn count(&mut self, series: SeriesKey, row: &Row) {
        if self.wanted.is_some()
            && self.last != Some(row.moment)
            && self.window.holds(row)
            && !self
                .window
                .graves
                .iter()
                .any(|grave| grave.hides(series, row))
        {
            self.found += 1;
            self.last = Some(row.moment);
        }
    }
}

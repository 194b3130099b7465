//! Buckets of time: `time_bucket('1 hour', time)`, also by the days and months of a time zone.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, PrimitiveArray, TimestampMicrosecondArray};
use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType};
use datafusion::common::{Result as PlanResult, exec_err, plan_err};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{Definition, Kind, texts};

pub(super) const FUNCTIONS: &[Definition] = &[Definition {
    name: "time_bucket",
    takes: &[
        &[Kind::Interval, Kind::Moment],
        &[Kind::Interval, Kind::Moment, Kind::Text],
    ],
    returns: Kind::Moment,
    body: time_bucket,
}];

const DAY: i64 = 86_400_000_000;
/// 2000-01-03, a Monday: weeks begin there, and every shorter bucket begins with some midnight.
const ORIGIN: i64 = 946_857_600_000_000;

/// A length of time by which moments are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// Months.
    Months(i32),
    /// Microseconds.
    Micros(i64),
}

impl Width {
    /// The width that an interval means.
    pub(super) fn of(interval: IntervalMonthDayNano) -> PlanResult<Self> {
        let micros = i64::from(interval.days)
            .checked_mul(DAY)
            .and_then(|days| days.checked_add(interval.nanoseconds / 1_000));
        match (interval.months, micros) {
            (months, Some(0)) if months > 0 => Ok(Self::Months(months)),
            (0, Some(micros)) if micros > 0 => Ok(Self::Micros(micros)),
            _ => plan_err!(
                "a bucket is a number of months, or one of days and what is shorter, and not empty"
            ),
        }
    }

    /// The beginning of the bucket in which a moment, in microseconds, lies.
    pub(super) fn begin(self, moment: i64, zone: Option<&TimeZone>) -> Option<i64> {
        let Some(zone) = zone else {
            return self.begin_plain(moment);
        };
        let instant = Timestamp::from_microsecond(moment).ok()?;
        let offset = i64::from(zone.to_offset(instant).seconds()).checked_mul(1_000_000)?;
        let begin = self.begin_plain(moment.checked_add(offset)?)?;
        match self {
            // Within a day the clock that the moment shows counts on.
            Self::Micros(micros) if micros < DAY => begin.checked_sub(offset),
            _ => {
                let civil = TimeZone::UTC.to_datetime(Timestamp::from_microsecond(begin).ok()?);
                Some(zone.to_timestamp(civil).ok()?.as_microsecond())
            }
        }
    }

    fn begin_plain(self, moment: i64) -> Option<i64> {
        match self {
            Self::Micros(micros) => {
                let since = moment.checked_sub(ORIGIN)?;
                since
                    .div_euclid(micros)
                    .checked_mul(micros)?
                    .checked_add(ORIGIN)
            }
            Self::Months(months) => {
                let date = TimeZone::UTC.to_datetime(Timestamp::from_microsecond(moment).ok()?);
                let since = i32::from(date.year()).checked_mul(12)? + i32::from(date.month()) - 1;
                let first = since.div_euclid(months).checked_mul(months)?;
                let year = i16::try_from(first.div_euclid(12)).ok()?;
                let month = i8::try_from(first.rem_euclid(12) + 1).ok()?;
                let date = Date::new(year, month, 1).ok()?.at(0, 0, 0, 0);
                Some(TimeZone::UTC.to_timestamp(date).ok()?.as_microsecond())
            }
        }
    }

    /// The beginning of the bucket behind the one that begins so.
    pub(super) fn next(self, begin: i64, zone: Option<&TimeZone>) -> Option<i64> {
        let zone = zone.cloned().unwrap_or(TimeZone::UTC);
        match self {
            Self::Micros(micros) if micros % DAY != 0 => begin.checked_add(micros),
            Self::Micros(micros) => {
                let at = Timestamp::from_microsecond(begin).ok()?.to_zoned(zone);
                let next = at.checked_add((micros / DAY).days()).ok()?;
                Some(next.timestamp().as_microsecond())
            }
            Self::Months(months) => {
                let at = Timestamp::from_microsecond(begin).ok()?.to_zoned(zone);
                let next = at.checked_add(months.months()).ok()?;
                Some(next.timestamp().as_microsecond())
            }
        }
    }
}

/// The time zone of that name.
pub(super) fn zone(name: &str) -> PlanResult<TimeZone> {
    if let Ok(zone) = TimeZone::get(name) {
        Ok(zone)
    } else {
        plan_err!("there is no time zone '{name}': write it as Asia/Tashkent")
    }
}

fn time_bucket(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let (Some(widths), Some(moments)) = (columns.first(), columns.get(1)) else {
        return exec_err!("time_bucket takes an interval and a timestamp");
    };
    let widths = widths.as_primitive::<IntervalMonthDayNanoType>();
    let moments = moments.as_primitive::<TimestampMicrosecondType>();
    let zones = if columns.len() > 2 {
        Some(texts(columns, 2)?)
    } else {
        None
    };
    if let (None, Some(width)) = (zones, only(widths)?) {
        let begins: TimestampMicrosecondArray = moments.unary_opt(|at| width.begin(at, None));
        return Ok(Arc::new(begins.with_timezone("UTC")));
    }
    // Width and zone are the same for all rows, as a rule.
    let mut width: Option<(IntervalMonthDayNano, Width)> = None;
    let mut known: Option<(&str, TimeZone)> = None;
    let mut begins = TimestampMicrosecondArray::builder(moments.len());
    for row in 0..moments.len() {
        let named = zones.map(|zones| zones.is_valid(row).then(|| zones.value(row)));
        if moments.is_null(row) || widths.is_null(row) || named == Some(None) {
            begins.append_null();
            continue;
        }
        let interval = widths.value(row);
        let width = match width.filter(|(known, _)| *known == interval) {
            Some((_, width)) => width,
            None => width.insert((interval, Width::of(interval)?)).1,
        };
        if let Some(Some(name)) = named
            && known.as_ref().is_none_or(|(known, _)| *known != name)
        {
            known = Some((name, zone(name)?));
        }
        let zone = known.as_ref().map(|(_, zone)| zone);
        begins.append_option(width.begin(moments.value(row), zone));
    }
    Ok(Arc::new(begins.finish().with_timezone("UTC")))
}

/// The width, if it is one for all rows.
fn only(widths: &PrimitiveArray<IntervalMonthDayNanoType>) -> PlanResult<Option<Width>> {
    let Some(first) = widths.values().first().filter(|_| widths.null_count() == 0) else {
        return Ok(None);
    };
    if widths.values().iter().any(|width| width != first) {
        return Ok(None);
    }
    Width::of(*first).map(Some)
}
